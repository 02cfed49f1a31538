package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	dotenv := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(dotenv, []byte("DOMAINS=Shop.test, shop.test\nHTTPS_ADDR=:1\nHTTP_ADDR=off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"HTTPS_ADDR": ":2"}
	got := Load(Over(func(name string) string { return env[name] }, dotenv))
	if !got.Local || strings.Join(got.Domains, " ") != "shop.test" || got.HTTPSAddr != ":2" || got.HTTPAddr != "" ||
		got.CertFile != filepath.Join("certs", "cert.pem") || got.KeyFile != filepath.Join("certs", "key.pem") || len(got.Faults) > 0 {
		t.Errorf("got %+v", got)
	}
	if s := Load(Over(func(string) string { return "" }, "missing")); !s.HTTPSMoves || !s.HTTPMoves {
		t.Errorf("ports that no setting names do not move: %+v", s)
	}
	for _, env := range []map[string]string{{"ENV": "prod"}, {"TLS_MODE": "files"}, {"ENV": "production"}} {
		if Load(func(name string) string { return env[name] }).Local {
			t.Errorf("%v has a local CA", env)
		}
	}
}

// The scripts and the site read one file alike: a password in it moves no port.
func TestSettingsEqualThoseOfTheSite(t *testing.T) {
	dotenv := filepath.Join(t.TempDir(), ".env")
	for text, want := range map[string]string{"A=x\nHTTPS_ADDR=$A:1\n": "", "HTTPS_ADDR=a$B:1\n": "a$B:1",
		"HTTPS_ADDR=`:1`\n": ":1", "HTTPS_ADDR=:1 # a # b\n": ":1"} {
		if err := os.WriteFile(dotenv, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Over(func(string) string { return "" }, dotenv)("HTTPS_ADDR"); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestDial(t *testing.T) {
	for addr, want := range map[string]string{":8443": "localhost:8443", "0.0.0.0:1": "localhost:1", "[::]:1": "localhost:1",
		"localhost:8443": "localhost:8443", "10.0.0.1:1": "10.0.0.1:1"} {
		if got := Dial(addr); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}

func TestTilde(t *testing.T) {
	for _, test := range []struct{ text, home, want string }{
		{"in /home/ann/a and /home/ann/b", "/home/ann", "in ~/a and ~/b"},
		{"/home/anna/a", "/home/ann", "/home/anna/a"},
		{"/etc", "/", "/etc"},
		{"/etc", "", "/etc"},
	} {
		if got := Tilde(test.text, test.home); got != test.want {
			t.Errorf("%q at home in %q: got %q, want %q", test.text, test.home, got, test.want)
		}
	}
}
