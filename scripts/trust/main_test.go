package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/scripts/internal/truststore"
)

// TestMain makes the test binary an Executable for truststore.Host.
func TestMain(m *testing.M) {
	truststore.ServeVerify(os.Args, os.Stdin)
	os.Exit(m.Run())
}

// trust runs the command for a Linux user with an empty home directory and no program at all.
func trust(t *testing.T, env map[string]string, uid int, args ...string) (stdout string, err error) {
	t.Helper()
	t.Setenv("PATH", t.TempDir())
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := &truststore.Host{OS: "linux", UID: uid, Executable: exe, Getenv: func(name string) string { return env[name] }}
	var out, errOut bytes.Buffer
	err = run(t.Context(), host, args, console{strings.NewReader("never read"), &out, &errOut, false})
	return out.String(), err
}

func TestReportIsJSON(t *testing.T) {
	home := t.TempDir()
	out, err := trust(t, map[string]string{"HOME": home}, 1000, "-json")
	if err != nil {
		t.Fatalf("missing tools are no failure: %v", err)
	}
	var got report
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Root == nil || !strings.HasPrefix(got.Root.Name, truststore.NamePrefix) || len(got.Hints) < 4 {
		t.Errorf("root %+v, hints %+v", got.Root, got.Hints)
	}
	if len(got.Stores) < 3 {
		t.Errorf("stores %+v", got.Stores)
	}
	for _, row := range got.Stores {
		if row.Status != truststore.NotTrusted || row.Why == "" || row.Next == "" {
			t.Errorf("%+v", row)
		}
	}
}

func TestRefusals(t *testing.T) {
	home := t.TempDir()
	for _, test := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{map[string]string{"HOME": home, "SUDO_USER": "ann"}, nil, "run it as ann, without sudo: make trust"},
		{map[string]string{"HOME": home, "DOAS_USER": "ann"}, []string{"-remove", "-system"}, "without sudo: make untrust SYSTEM=1"},
		{map[string]string{"HOME": home}, []string{"-dry-run"}, "make it: go run ./scripts/devcert"},
		{map[string]string{"HOME": home}, []string{"now"}, `unexpected argument "now"; run: go run ./scripts/trust -h`},
		{nil, nil, "HOME is not set"},
	} {
		if _, err := trust(t, test.env, 0, test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v %q: %v, want %s", test.env, test.args, err, test.want)
		}
	}
	if files, err := os.ReadDir(home); err != nil || len(files) > 0 {
		t.Errorf("a refusal left %v behind (%v)", files, err)
	}
}

func TestUnreadableRecord(t *testing.T) {
	home := t.TempDir()
	ca := filepath.Join(home, ".local", "share", "turnkey")
	if err := os.MkdirAll(ca, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(ca, "trust.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := trust(t, map[string]string{"HOME": home}, 1000)
	if err == nil || !strings.Contains(err.Error(), "remove "+ca) {
		t.Errorf("%v", err)
	}
}
