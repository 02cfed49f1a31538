package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/scripts/internal/process"
	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/localca"
)

func TestAskYes(t *testing.T) {
	p := newPerson(t, true)
	out := p.asked(t, "\n")
	for _, want := range []string{"A local CA for development was made in ~/", "Trust it in your browsers?", "~/.pki/nssdb", "[Y/n]", "✓ trusted", "make untrust"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	info, err := os.Stat(filepath.Join(p.ca, "asked"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the answer: %v, %v", info, err)
	}
	if out := p.asked(t, "never read"); out != "" {
		t.Errorf("asked twice:\n%s", out)
	}
}

func TestAskNo(t *testing.T) {
	p := newPerson(t, true)
	out := p.asked(t, "perhaps\nNo\n")
	for _, want := range []string{"Please answer y or n", "To trust it later: make trust"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if _, err := os.Stat(filepath.Join(p.home, ".pki")); err == nil {
		t.Error("a store was made all the same")
	}
	p.newCA(t)
	if out := p.asked(t, "never read"); out != "" {
		t.Errorf("a no was to one CA only:\n%s", out)
	}
}

func TestAskAgain(t *testing.T) {
	t.Run("after no answer", func(t *testing.T) {
		p := newPerson(t, true)
		if out := p.asked(t, ""); !strings.Contains(out, "asked again next time") {
			t.Error(out)
		}
		if out := p.asked(t, "n\n"); !strings.Contains(out, "[Y/n]") {
			t.Errorf("not asked again:\n%s", out)
		}
	})
	t.Run("for another CA", func(t *testing.T) {
		p := newPerson(t, true)
		p.asked(t, "y\n")
		p.newCA(t)
		if out := p.asked(t, "n\n"); !strings.Contains(out, "[Y/n]") {
			t.Errorf("a yes was for every CA:\n%s", out)
		}
	})
}

// A developer who has run make trust or make untrust must not be asked again.
func TestAskAfterTrust(t *testing.T) {
	for _, args := range [][]string{nil, {"-remove"}} {
		p := newPerson(t, true)
		if _, _, err := localca.Open(p.ca); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := run(t.Context(), p.host, args, console{nil, &out, &out, true}); err != nil {
			t.Fatal(err)
		}
		if out := p.asked(t, "never read"); out != "" {
			t.Errorf("after %q:\n%s", args, out)
		}
	}
}

func TestAskWithoutCertutil(t *testing.T) {
	p := newPerson(t, false)
	out := p.asked(t, "never read")
	if !strings.Contains(out, "certutil is not installed") || !strings.Contains(out, "then: make trust") || strings.Contains(out, "[Y/n]") {
		t.Error(out)
	}
	if out := p.asked(t, "never read"); out != "" {
		t.Errorf("said twice:\n%s", out)
	}
}

func TestNoQuestionWithoutATerminal(t *testing.T) {
	for _, test := range []struct {
		name string
		env  map[string]string
		at   bool // at a terminal
	}{
		{"no terminal", nil, false},
		{"CI", map[string]string{"CI": "1"}, true},
		{"Kubernetes", map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, true},
		{"production", map[string]string{"ENV": "prod"}, true},
		{"another certificate", map[string]string{"TLS_MODE": "files"}, true},
		{"a CA for every name", map[string]string{"DEV_CA_CONSTRAINTS": "off"}, true},
		{"no home", map[string]string{"HOME": "", "LocalAppData": ""}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPerson(t, true)
			for name, value := range test.env {
				p.env[name] = value
			}
			var out bytes.Buffer
			if err := run(t.Context(), p.host, []string{"-ask"}, console{broken{t}, &out, &out, test.at}); err != nil || out.Len() > 0 {
				t.Errorf("%v\n%s", err, out.String())
			}
			if _, err := os.Stat(p.ca); err == nil {
				t.Error("a CA was made")
			}
		})
	}
}

func TestAskInterrupted(t *testing.T) {
	p := newPerson(t, true)
	ctx, cancel := context.WithCancel(t.Context())
	in, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	out := writerFunc(func(text string) {
		if strings.Contains(text, "[Y/n]") {
			cancel()
		}
	})
	if err := run(ctx, p.host, []string{"-ask"}, console{in, out, out, true}); !errors.Is(err, errInterrupted) {
		t.Errorf("%v", err)
	}
}

func TestContainer(t *testing.T) {
	root := t.TempDir()
	if container(root) {
		t.Error("an empty file system is a container")
	}
	if err := os.MkdirAll(filepath.Join(root, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "run", ".containerenv"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if !container(root) {
		t.Error("Podman's mark is not seen")
	}
}

func TestTerminal(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if process.Terminals(null) || process.Terminals(r) {
		t.Errorf("the null device: %v, a pipe: %v", process.Terminals(null), process.Terminals(r))
	}
}

func TestReportIsJSON(t *testing.T) {
	home := t.TempDir()
	out, err := runTrust(t, map[string]string{"HOME": home, "HTTPS_ADDR": ":9443"}, 1000, "-json")
	if err != nil {
		t.Fatalf("missing tools are no failure: %v", err)
	}
	var got report
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Root == nil || !strings.HasPrefix(got.Root.Name, truststore.NamePrefix) || len(got.Hints) < 4 ||
		!strings.HasSuffix(got.Hints[0].Line, " https://localhost:9443/") {
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
		if _, err := runTrust(t, test.env, 0, test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
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
	_, err := runTrust(t, map[string]string{"HOME": home}, 1000)
	if err == nil || !strings.Contains(err.Error(), "remove "+ca) {
		t.Errorf("%v", err)
	}
}

// Helpers

// TestMain makes the test binary an Executable for truststore.Host.
func TestMain(m *testing.M) {
	truststore.ServeVerify(os.Args, os.Stdin)
	os.Exit(m.Run())
}

// runTrust runs the command for a Linux user with an empty home directory and no program at all.
func runTrust(t *testing.T, env map[string]string, uid int, args ...string) (stdout string, err error) {
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

// person is a user with a Linux machine.
type person struct {
	host     *truststore.Host
	env      map[string]string
	home, ca string
}

// newPerson makes a user with an empty home directory. certutil is the only program there, if it is there.
func newPerson(t *testing.T, certutil bool) *person {
	t.Helper()
	bin := t.TempDir()
	if certutil {
		path, err := exec.LookPath("certutil")
		if err != nil && os.Getenv("CI") != "" {
			t.Fatal("certutil is missing; install the package libnss3-tools")
		}
		if err != nil {
			t.Skip("certutil is missing; install the package libnss3-tools to run this")
		}
		if err := os.Symlink(path, filepath.Join(bin, "certutil")); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &person{home: t.TempDir()}
	p.env = map[string]string{"HOME": p.home, "LocalAppData": p.home}
	getenv := func(name string) string { return p.env[name] }
	p.host = &truststore.Host{OS: "linux", UID: 1000, Executable: exe, Getenv: getenv}
	if p.ca, err = localca.Dir(getenv); err != nil {
		t.Fatal(err)
	}
	return p
}

// asked returns the text that the user sees, with the answer read from in.
func (p *person) asked(t *testing.T, in string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), p.host, []string{"-ask"}, console{strings.NewReader(in), &out, &out, true}); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	return out.String()
}

// newCA replaces the CA, as happens when the old one expires.
func (p *person) newCA(t *testing.T) {
	t.Helper()
	if err := os.Remove(filepath.Join(p.ca, "issuer.pem")); err != nil {
		t.Fatal(err)
	}
	if _, made, err := localca.Open(p.ca); err != nil || !made {
		t.Fatalf("made %v: %v", made, err)
	}
}

// broken is an input whose reads fail.
type broken struct{ t *testing.T }

func (b broken) Read([]byte) (int, error) {
	b.t.Error("standard input was read")
	return 0, io.EOF
}

type writerFunc func(string)

func (f writerFunc) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}
