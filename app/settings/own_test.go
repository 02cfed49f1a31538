package settings

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// of loads settings from pairs of name and value.
func of(env map[string]string, own ...Own) (Settings, Faults) {
	return Load(func(k string) (string, bool) { v, ok := env[k]; return v, ok }, Dotenv{}, "shop", own...)
}

func TestOwnSettingsMayBeAnyText(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"#general", "room #5", `"a", "b"`, `{"type": "account", "id": 1}`, "$argon2id$v=19$m=65536", "$2y$10$abc",
		"-----BEGIN KEY-----\nabc # def\n-----END KEY-----", "it's", "5\"", "~user", "a,b , c", "🧑\u200d🍳"} {
		if s, faults := of(map[string]string{"OWN": " " + v + "\n"}, Own{Name: "OWN"}); len(faults) > 0 || s.Setting("OWN") != v {
			t.Errorf("%q became %q: %v", v, s.Setting("OWN"), faults)
		}
	}
	for v, want := range map[string]string{
		`"hush"`: "has quotes around", "'hush'": "has quotes around", "“hush”": "has quotes around", "hush # of Stripe": "has a comment after",
		"# hush": "has a comment", "${HUSH}": "begins with ~ or $", "$HUSH": "begins with ~ or $", "~/hush": "begins with ~ or $",
		"$(hush)": "begins with ~ or $", "hu\u200bsh": "cannot be seen: U+200B", "hu\x00sh": "cannot be seen",
	} {
		_, faults := of(map[string]string{"OWN": v}, Own{Name: "OWN", Secret: true, Required: true})
		if len(faults) != 1 || !strings.Contains(faults[0].Error(), want) {
			t.Errorf("%q: got %v, want one fault that says %q", v, faults, want)
		} else if said := faults[0].Error() + faults[0].Fix; strings.Contains(strings.ToLower(said), "hush") {
			t.Errorf("a secret is shown: %s", said)
		}
	}
}

func TestOwnSettingsAreChecked(t *testing.T) {
	t.Parallel()
	isURL := func(v string) error {
		u, err := url.Parse(v)
		if err == nil && u.Scheme != "https" {
			err = errors.New("not an https URL")
		}
		return err
	}
	hook := Own{Name: "HOOK_URL", About: "where orders are announced", Check: isURL}
	required, secret, either, short := hook, hook, hook, hook
	short.Check = func(v string) error { _ = v[:9]; return nil }
	required.Required, secret.Secret, either.Default = true, true, "https://a.test"
	for _, test := range []struct {
		name, value, want string // want: the value, or the whole fault
		own               Own
	}{
		{"set", "https://b.test", "https://b.test", required},
		{"optional", "", "", hook},
		{"the default", "", "https://a.test", either},
		{"over the default", "https://b.test", "https://b.test", either},
		{"missing", "", "HOOK_URL required, and not set → set HOOK_URL: where orders are announced", required},
		{"refused", "ftp://b.test", "HOOK_URL ftp://b.test is not accepted: not an https URL → correct HOOK_URL: where orders are announced", hook},
		{"a check that panics", "short", "HOOK_URL short is not accepted: its Check in handlers/site.go panics: runtime error: slice bounds " +
			"out of range [:9] with length 5 → correct HOOK_URL: where orders are announced", short},
		{"a secret refused", "ftp://hush", "HOOK_URL is not accepted: not an https URL → correct HOOK_URL: where orders are announced", secret},
		{"a secret in the error", ":hush", "HOOK_URL is not accepted → correct HOOK_URL: where orders are announced", secret},
		{"a quoted secret in the error", ":hu\"sh", "HOOK_URL is not accepted → correct HOOK_URL: where orders are announced", secret},
	} {
		s, faults := of(map[string]string{"HOOK_URL": test.value}, test.own)
		got := s.Setting("HOOK_URL")
		for _, f := range faults {
			got = strings.Join(strings.Fields(f.Setting+" "+f.Value+" "+f.Problem+" → "+f.Fix), " ")
		}
		if got != test.want {
			t.Errorf("%s: got  %s\nwant %s", test.name, got, test.want)
		}
	}
}

func TestWrongDeclarationsAreFaults(t *testing.T) {
	t.Parallel()
	_, faults := of(nil, Own{Name: "STRIPE_KEY"}, Own{Name: "STRIPE_KEY"}, Own{Name: "HSTS"}, Own{Name: "stripe-key"}, Own{},
		Own{Name: "SHOP", Required: true, Default: "x"})
	for i, want := range []string{`STRIPE_KEY`, `HSTS`, `stripe-key`, ``, `SHOP`} {
		if len(faults) != 5 || faults[i].Setting != "Settings" || faults[i].Value != want || !strings.Contains(faults[i].Fix, "handlers/site.go") {
			t.Fatalf("got %v, want a fault of %q", faults, want)
		}
	}
}

func TestOwnSettingsAreKnownToTheGuardOfDotenv(t *testing.T) {
	t.Parallel()
	file := Dotenv{file: ".env", names: []string{"STRIPE_KYE", "STRIPE_KEY", "ACME_SHOP"}}
	_, faults := Load(func(string) (string, bool) { return "", false }, file, "shop", Own{Name: "STRIPE_KEY"}, Own{Name: "ACME_SHOP"})
	if len(faults) != 1 || faults[0].Setting != "STRIPE_KYE" || !strings.Contains(faults[0].Problem, "is STRIPE_KEY meant?") {
		t.Errorf("got %v", faults)
	}
}

func TestSettingKnowsWhatIsDeclared(t *testing.T) {
	t.Parallel()
	s, _ := of(map[string]string{"ENV": "prod", "DOMAINS": " a.test ", "HSTS": ""}, Own{Name: "OWN", Default: "x"})
	if s.Setting("DOMAINS") != "a.test" || s.Setting("OWN") != "x" || s.Setting("PORT") != "" || s.Setting("HTTPS_ADDR") != "" || !s.Production() {
		t.Errorf("got %+v", s.values)
	}
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, `"OWNN" is not declared`) || !strings.Contains(said, "handlers/site.go") {
			t.Errorf("it said %q", said)
		}
	}()
	s.Setting("OWNN")
}

func TestDataDirIsForThisUserAlone(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir := filepath.Join(base, "a", "data")
	s, faults := of(map[string]string{"DATA_DIR": dir})
	if _, err := os.Stat(dir); err == nil || len(faults) > 0 {
		t.Fatalf("the folder is there before it was asked for: %v", faults)
	}
	for range 2 {
		if got, err := s.DataDir(); err != nil || got != dir {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v", info, err)
	}
	for _, mode := range []os.FileMode{0o702, 0o720, 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, err := s.DataDir()
		if runtime.GOOS != "windows" && (err == nil || !strings.Contains(err.Error(), "DATA_DIR="+dir+": other users may write") ||
			!strings.Contains(err.Error(), "chmod 700 "+dir)) {
			t.Errorf("%v: got %v", mode, err)
		}
	}
	file := filepath.Join(base, "file")
	os.WriteFile(file, nil, 0o600)
	s, _ = of(map[string]string{"DATA_DIR": filepath.Join(file, "data")})
	if _, err := s.DataDir(); err == nil || !strings.Contains(err.Error(), "DATA_DIR=") {
		t.Errorf("below a file: got %v", err)
	}
	for want, env := range map[string]map[string]string{
		"data": nil, filepath.Join("/var/lib/shop", "data"): {"STATE_DIRECTORY": "/var/lib/shop:/other"}, "/srv/x": {"STATE_DIRECTORY": "/s", "DATA_DIR": "/srv/x"},
	} {
		if s, faults := of(env); s.DataFolder != want || len(faults) > 0 {
			t.Errorf("%v: got %q, want %q: %v", env, s.DataFolder, want, faults)
		}
	}
	if _, faults := of(map[string]string{"DATA_DIR": "s3://bucket"}); len(faults) != 1 {
		t.Errorf("a URL is taken for a folder: %v", faults)
	}
}

func TestPort(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		env, addr, fault, note string // env: words NAME=value; fault and note: parts, empty: none
	}{
		{"ENV=prod TLS_MODE=proxy PORT=3001 TRUSTED_PROXIES=10.0.0.0/8", ":3001", "", ""},
		{"ENV=dev TLS_MODE=proxy PORT=3001 TRUSTED_PROXIES=10.0.0.0/8", ":3001", "", ""},
		{"ENV=prod TLS_MODE=proxy PORT=3001", ":3001", "TRUSTED_PROXIES: required, since PORT is set", ""},
		{"ENV=prod TLS_MODE=proxy PORT=3001 TRUSTED_PROXIES=all", ":3001", "TRUSTED_PROXIES", ""},
		{"ENV=prod TLS_MODE=proxy PORT=8080 HTTP_ADDR=:8080 TRUSTED_PROXIES=10.0.0.0/8", ":8080", "", ""},
		{"ENV=prod TLS_MODE=proxy PORT=3001 HTTP_ADDR=:8080 TRUSTED_PROXIES=10.0.0.0/8", ":8080", "", "PORT=3001 is ignored: HTTP_ADDR=:8080"},
		{"ENV=prod TLS_MODE=proxy PORT=3001 HTTP_ADDR=localhost:3000", "localhost:3000", "", "PORT=3001 is ignored"}, // Nginx on this machine
		{"ENV=prod TLS_MODE=proxy PORT=http TRUSTED_PROXIES=10.0.0.0/8", "localhost:3000", "PORT", ""},
		{"ENV=prod TLS_MODE=proxy PORT=70000 TRUSTED_PROXIES=10.0.0.0/8", "localhost:3000", "PORT", ""},
		{"ENV=prod DOMAINS=a.test PORT=3001", ":80", "set TLS_MODE=proxy", ""},
		{"ENV=prod DOMAINS=a.test PORT=3001 HTTPS_ADDR=:443", ":80", "", "PORT=3001 is ignored"},
		{"ENV=prod DOMAINS=a.test PORT=3001 HTTP_ADDR=:80", ":80", "", "PORT=3001 is ignored"},
		{"ENV=dev PORT=3001", "localhost:8080", "", "PORT=3001 is ignored"},
		{"ENV=dev PORT=", "localhost:8080", "", ""},
	} {
		env := map[string]string{}
		for _, word := range strings.Fields(test.env) {
			name, value, _ := strings.Cut(word, "=")
			env[name] = value
		}
		s, faults := of(env)
		said := faults.Error()
		for _, f := range faults {
			said += f.Fix
		}
		var notes []string
		for _, w := range s.Warnings {
			if strings.HasPrefix(w, "PORT") {
				notes = append(notes, w)
			}
		}
		if s.HTTPAddr != test.addr || len(faults) > 1 || (said == "") != (test.fault == "") || !strings.Contains(said, test.fault) ||
			(notes == nil) != (test.note == "") || !strings.Contains(strings.Join(notes, " "), test.note) {
			t.Errorf("%s\ngot  %q, fault %q, notes %q\nwant %q, fault %q, note %q", test.env, s.HTTPAddr, said, notes, test.addr, test.fault, test.note)
		}
	}
}
