package acme

import (
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// No setting falls back to a default: each of these stops the start with what is wrong, where, and what to do.
func TestWrongSettingsStopTheStart(t *testing.T) {
	t.Parallel()
	shopping := rig.Env{"ENV": "prod", "DOMAINS": shop}
	ofFiles := rig.Env{"ENV": "prod", "TLS_MODE": "files", "TLS_CERT_FILE": "cert.pem", "TLS_KEY_FILE": "key.pem"}
	for _, test := range []struct {
		name   string
		env    rig.Env
		dotenv string
		says   []string // the setting and its value first, then what is wrong and what to do
	}{
		{"ENV is none of the two", rig.Env{"ENV": "production"}, "", []string{`ENV="production"`, "dev, prod"}},
		{"TLS_MODE is none of the four", rig.Env{"TLS_MODE": "auto"}, "", []string{`TLS_MODE="auto"`, "local, acme, files, proxy"}},
		{"a development certificate in production", rig.Env{"ENV": "prod", "TLS_MODE": "local"}, "", []string{`TLS_MODE="local"`, "acme, files or proxy"}},
		{"production without DOMAINS", rig.Env{"ENV": "prod"}, "", []string{"DOMAINS", "required", "DOMAINS=example.com"}},
		{"a wildcard with acme", rig.Env{"ENV": "prod", "DOMAINS": shop + ",*.example.test"}, "", []string{`DOMAINS="*.example.test"`, "wildcard", "DNS", "certbot or cert-manager", "TLS_MODE=files"}},
		{"localhost with acme", rig.Env{"ENV": "prod", "DOMAINS": "localhost"}, "", []string{`DOMAINS="localhost"`, "public host name"}},
		{"a private address with acme", rig.Env{"ENV": "prod", "DOMAINS": "192.168.1.7"}, "", []string{`DOMAINS="192.168.1.7"`, "private address", "public CA"}},
		{"a port in a domain", rig.Env{"ENV": "prod", "DOMAINS": shop + ":443"}, "", []string{`DOMAINS="` + shop + `:443"`, "leave the port out", "HTTPS_ADDR"}},
		{"a scheme in a domain", rig.Env{"ENV": "prod", "DOMAINS": "https://" + shop}, "", []string{`DOMAINS="https://` + shop + `"`, "leave the scheme out"}},
		{"a duration without a unit", rig.Env{"SHUTDOWN_GRACE": "20"}, "", []string{`SHUTDOWN_GRACE="20"`, "not a duration", "20s"}},
		{"no CIDR", rig.Env{"TRUSTED_PROXIES": "10.0.0.0/33"}, "", []string{`TRUSTED_PROXIES="10.0.0.0/33"`, "CIDR", "10.0.0.0/8"}},
		{"a CIDR that trusts every address", rig.Env{"TRUSTED_PROXIES": "0.0.0.0/0"}, "", []string{`TRUSTED_PROXIES="0.0.0.0/0"`, "your proxy's own addresses"}},
		{"no HSTS value", rig.Env{"HSTS": "forever"}, "", []string{`HSTS="forever"`, "max-age=31536000"}},
		{"HSTS for lists of browsers, too short", rig.Env{"HSTS": "max-age=60; includeSubDomains; preload"}, "", []string{`HSTS="max-age=60; includeSubDomains; preload"`, "31536000"}},
		{"half an EAB pair, the id", shopping.With(rig.Env{"ACME_EAB_KID": "kid-1"}), "", []string{"ACME_EAB_HMAC_KEY", "missing", "set both"}},
		{"half an EAB pair, the key", shopping.With(rig.Env{"ACME_EAB_HMAC_KEY": "c2VjcmV0"}), "", []string{"ACME_EAB_KID", "missing", "set both"}},
		{"no directory", shopping.With(rig.Env{"ACME_DIRECTORY": "stagin"}), "", []string{`ACME_DIRECTORY="stagin"`, "production, staging"}},
		{"a cache that is no directory", shopping.With(rig.Env{"ACME_CACHE": "other.pem/acme"}), "", []string{`ACME_CACHE="other.pem/acme"`, "not a directory", "this user can write"}},
		{"files without files", rig.Env{"ENV": "prod", "TLS_MODE": "files"}, "", []string{"TLS_CERT_FILE", "required", "fullchain.pem"}},
		{"a certificate that is not there", ofFiles.With(rig.Env{"TLS_CERT_FILE": "lost.pem"}), "", []string{`TLS_CERT_FILE="lost.pem"`, "no such file", "TLS_KEY_FILE"}},
		{"a key that is not there", ofFiles.With(rig.Env{"TLS_KEY_FILE": "lost.key"}), "", []string{`TLS_KEY_FILE="lost.key"`, "no such file", "cert.pem"}},
		{"a key of another certificate", ofFiles.With(rig.Env{"TLS_KEY_FILE": "other.key"}), "", []string{`TLS_CERT_FILE="cert.pem"`, "other.key", "belongs to another certificate"}},
		{"an expired certificate", ofFiles.With(rig.Env{"TLS_CERT_FILE": "old.pem", "TLS_KEY_FILE": "old.key"}), "", []string{`TLS_CERT_FILE="old.pem"`, "expired on", "current certificate"}},
		{"a certificate for another host", ofFiles.With(rig.Env{"DOMAINS": "elsewhere.example.test"}), "", []string{`TLS_CERT_FILE="cert.pem"`, "elsewhere.example.test", "DOMAINS"}},
		{"two certificates and one key", ofFiles.With(rig.Env{"TLS_CERT_FILE": "cert.pem,other.pem"}), "", []string{"TLS_KEY_FILE", "1 keys for 2 certificates", "same order"}},
		{"no CA of clients", ofFiles.With(rig.Env{"TLS_CLIENT_CA_FILE": "key.pem"}), "", []string{`TLS_CLIENT_CA_FILE="key.pem"`, "no PEM certificate"}},
		{"no address", rig.Env{"HTTPS_ADDR": "8443"}, "", []string{`HTTPS_ADDR="8443"`, "host:port"}},
		{"an address of another machine", rig.Env{"HTTP_ADDR": "203.0.113.77:80"}, "", []string{`HTTP_ADDR="203.0.113.77:80"`, "does not belong to this machine"}},
		{"profiles on all interfaces", rig.Env{"ADMIN_ADDR": ":6060"}, "", []string{`ADMIN_ADDR=":6060"`, "loopback"}},
		{"a misspelt setting in .env", nil, "HTPS_ADDR=:9443\n", []string{"HTPS_ADDR", ".env", "HTTPS_ADDR"}},
		{"a quote in .env that is never closed", nil, "GREETING=hello\nAPI_TOKEN=\"" + secret + "\nDATABASE_URL=postgres://app:" + secret + "@localhost/app\n", []string{".env", "line 2", "API_TOKEN", "quote that is never closed", "close it"}},
		{"something behind a quote in .env", nil, "API_TOKEN=\"" + secret + "\" and so on\n", []string{".env", "line 1", "API_TOKEN", "after the closing quote", "put the whole value into quotes"}},
		{"a line of .env that is no setting", nil, "GREETING=hello\nAPI_TOKEN " + secret + "\n", []string{".env", "line 2", "NAME=value"}},
		{"a key pasted into .env without quotes", nil, "SIGNING_KEY=-----BEGIN SIGNING KEY-----\n" + secret + "\n-----END SIGNING KEY-----\n", []string{".env", "line 2", "NAME=value"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := wrongDir(t, test.dotenv)
			before := files(t, dir)
			for _, command := range []string{"serve", "check"} {
				got := rig.Run(t, dir, anyPort.With(test.env), command)
				if got.ExitCode != 1 {
					t.Errorf("%s: exit status = %d, want 1", command, got.ExitCode)
				}
				wantFault(t, command, got.Stderr, test.says)
				if strings.Contains(got.Stdout+got.Stderr, secret) {
					t.Errorf("%s wrote a secret:\n%s%s", command, got.Stdout, got.Stderr)
				}
			}
			if after := files(t, dir); !maps.Equal(before, after) {
				t.Errorf("files before = %v\nafter = %v; nothing should have been started", before, after)
			}
		})
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	dir := wrongDir(t, "HTPS_ADDR=:9443\n")
	got := rig.Run(t, dir, anyPort.With(rig.Env{
		"ENV": "prod", "DOMAINS": "localhost,shop.example.test:443", "ADMIN_ADDR": "6060", "SHUTDOWN_GRACE": "soon", "HSTS": "yes",
		"TRUSTED_PROXIES": "somebody", "ACME_EAB_KID": "kid-1", "ACME_CACHE": "cert.pem", "LOG_LEVEL": "loud",
	}))
	if got.ExitCode != 1 {
		t.Errorf("exit status = %d, want 1", got.ExitCode)
	}
	for _, want := range []string{
		`DOMAINS="localhost"`, `DOMAINS="shop.example.test:443"`, `ADMIN_ADDR="6060"`, `SHUTDOWN_GRACE="soon"`, `HSTS="yes"`,
		`TRUSTED_PROXIES="somebody"`, "ACME_EAB_HMAC_KEY", `ACME_CACHE="cert.pem"`, `LOG_LEVEL="loud"`, "HTPS_ADDR",
	} {
		wantFault(t, "serve", got.Stderr, []string{want})
	}
	if want := "10 things are wrong"; !strings.Contains(got.Stderr, want) {
		t.Errorf("stderr does not say %q:\n%s", want, got.Stderr)
	}
}

// A fault that follows from another one is not reported.
func TestOneMistakeIsReportedOnce(t *testing.T) {
	t.Parallel()
	for _, env := range []rig.Env{
		{"ENV": "prod", "DOMAINS": shop + ":443"}, // not: DOMAINS is required
		{"ENV": "production", "DOMAINS": shop},
		{"TLS_MODE": "auto"},
		{"ENV": "prod", "TLS_MODE": "files", "TLS_CERT_FILE": "lost.pem", "TLS_KEY_FILE": "lost.key", "DOMAINS": shop},
	} {
		got := rig.Run(t, wrongDir(t, ""), anyPort.With(env), "check")
		if want := "1 thing is wrong"; !strings.Contains(got.Stderr, want) {
			t.Errorf("%v: stderr does not say %q:\n%s", env, want, got.Stderr)
		}
	}
}

func TestAddressInUseIsReported(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr, free := taken.Addr().String(), rig.Port(t)
	for _, test := range []struct {
		setting string
		env     rig.Env
	}{
		{"HTTPS_ADDR", rig.Env{"HTTPS_ADDR": addr, "HTTP_ADDR": rig.Loopback(free)}},
		{"HTTP_ADDR", rig.Env{"HTTPS_ADDR": rig.Loopback(free), "HTTP_ADDR": addr}},
	} {
		for _, command := range []string{"serve", "check"} {
			got := rig.Run(t, t.TempDir(), test.env, command)
			if got.ExitCode != 1 {
				t.Errorf("%s: exit status = %d, want 1", command, got.ExitCode)
			}
			wantFault(t, command, got.Stderr, []string{fmt.Sprintf("%s=%q", test.setting, addr), "in use", "stop that program"})
		}
	}
}

func TestCheckAcceptsRightSettings(t *testing.T) {
	t.Parallel()
	dir := wrongDir(t, "")
	before := files(t, dir)
	for name, env := range map[string]rig.Env{
		"development": nil,
		"acme":        {"ENV": "prod", "DOMAINS": shop},
		"files":       {"ENV": "prod", "DOMAINS": shop, "TLS_MODE": "files", "TLS_CERT_FILE": "cert.pem", "TLS_KEY_FILE": "key.pem"},
		"proxy":       {"ENV": "prod", "DOMAINS": shop, "TLS_MODE": "proxy"},
	} {
		if got := rig.Run(t, dir, anyPort.With(env), "check"); got.ExitCode != 0 {
			t.Errorf("%s: exit status = %d, want 0: %s", name, got.ExitCode, got.Stderr)
		}
	}
	if after := files(t, dir); !maps.Equal(before, after) {
		t.Errorf("files before = %v\nafter = %v; a check changes nothing", before, after)
	}
}

// The real environment wins over .env, which wins over defaults.
func TestEnvironmentOverridesDotenv(t *testing.T) {
	t.Parallel()
	dir := wrongDir(t, "# of this machine\nLOG_LEVEL=loud\nexport HSTS=\"max-age=60\"\nGREETING='hello # you'\n")
	got := rig.Run(t, dir, anyPort, "check")
	if got.ExitCode != 1 {
		t.Errorf("exit status = %d, want 1", got.ExitCode)
	}
	wantFault(t, "check", got.Stderr, []string{`LOG_LEVEL="loud"`})
	if got = rig.Run(t, dir, anyPort.With(rig.Env{"LOG_LEVEL": "warn"}), "check"); got.ExitCode != 0 || !strings.Contains(got.Stdout, "max-age=60") {
		t.Errorf("exit status = %d, stdout = %q; want 0 and HSTS from .env", got.ExitCode, got.Stdout)
	}
}

// Helpers

const secret = "hunter2-and-more"

// anyPort lets the system choose both ports.
var anyPort = rig.Env{"HTTPS_ADDR": "127.0.0.1:0", "HTTP_ADDR": "127.0.0.1:0"}

// wrongDir makes a directory with the files that wrong settings name: two good pairs, an expired pair, and a .env file
// unless dotenv is "".
func wrongDir(t *testing.T, dotenv string) string {
	t.Helper()
	dir := t.TempDir()
	ca := rig.NewCA(t, "Site")
	good := rig.Leaf{Names: []string{shop}}
	ca.Issue(t, good).Write(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	ca.Issue(t, good).Write(t, filepath.Join(dir, "other.pem"), filepath.Join(dir, "other.key"))
	ca.Issue(t, rig.Leaf{Names: []string{shop}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}).
		Write(t, filepath.Join(dir, "old.pem"), filepath.Join(dir, "old.key"))
	if dotenv != "" {
		rig.Write(t, filepath.Join(dir, ".env"), []byte(dotenv), 0o600)
	}
	return dir
}

// wantFault looks for the paragraph that begins with the setting: what is wrong with it, and below, after an arrow,
// what to do.
func wantFault(t *testing.T, command, stderr string, says []string) {
	t.Helper()
	var near []string
	for paragraph := range strings.SplitSeq(strings.ReplaceAll(stderr, "\n      → ", "\v→ "), "\n") {
		rest, ok := strings.CutPrefix(strings.TrimSpace(paragraph), says[0])
		if !ok || !strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "=") {
			continue
		}
		near = append(near, paragraph)
		all := strings.Contains(paragraph, "→ ")
		for _, s := range says {
			all = all && strings.Contains(paragraph, s)
		}
		if all {
			return
		}
	}
	t.Errorf("%s: no fault says %q; those of the setting are %q in:\n%s", command, says, near, stderr)
}
