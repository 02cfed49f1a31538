package command_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/app/internal/command"
)

// Browsers keep HSTS, permanent redirects and Alt-Svc for localhost, and apply them to the next project there.
func TestDevelopmentLeavesNothingInBrowsers(t *testing.T) {
	t.Parallel()
	s := start(t, nil, faulty)
	_, httpPort, _ := net.SplitHostPort(s.http)
	seen := map[int]bool{}
	for _, test := range []struct {
		method, url, body string
		headers           []string
		status            int
	}{
		{"GET", "https://localhost/", "", nil, 200},
		{"HEAD", "https://localhost/", "", nil, 200},
		{"GET", "https://localhost/static/style.css", "", nil, 200},
		{"GET", "https://localhost/healthz", "", nil, 200},
		{"GET", "https://localhost/nowhere", "", nil, 404},
		{"GET", "https://localhost/seen/", "", nil, 404}, // gin alone: 301
		{"GET", "https://localhost//static/style.css", "", nil, 404},
		{"POST", "https://localhost/", "", nil, 405},
		{"POST", "https://localhost/echo", "x", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test"}, 403},
		{"POST", "https://localhost/echo", strings.Repeat("x", maxBody+1), nil, 413},
		{"GET", "https://localhost/no-order", "", nil, 410},
		{"GET", "https://localhost/", "", []string{"Host", "evil.test"}, 421},
		{"GET", "https://localhost/panic", "", nil, 500},
		{"GET", "https://localhost/template", "", nil, 500},
		{"GET", "http://localhost/", "", []string{"Host", "localhost:" + httpPort}, 307},
		{"POST", "http://localhost/x?y=z", "", []string{"Host", "localhost:" + httpPort}, 307},
		{"GET", "http://localhost/", "", []string{"Host", "evil.test"}, 421},
		{"GET", "http://localhost/healthz", "", nil, 200},
	} {
		resp, _ := s.do(test.method, test.url, test.body, test.headers...)
		if resp.StatusCode != test.status {
			t.Errorf("%s %s got %d, want %d", test.method, test.url, resp.StatusCode, test.status)
		}
		seen[resp.StatusCode] = true
		if code := resp.StatusCode; code == 301 || code == 308 {
			t.Errorf("%s %s: %d is kept by browsers", test.method, test.url, code)
		}
		hsts := resp.Header.Get("Strict-Transport-Security")
		if want := pick(strings.HasPrefix(test.url, "https:"), "max-age=0", ""); hsts != want {
			t.Errorf("%s %s: HSTS is %q, want %q", test.method, test.url, hsts, want)
		}
		if got := resp.Header.Get("Alt-Svc"); got != "" {
			t.Errorf("%s %s: Alt-Svc is %q", test.method, test.url, got)
		}
		if test.status == 307 && resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: the redirect may be kept", test.method, test.url)
		}
	}
	if len(seen) < 9 {
		t.Errorf("only the statuses %v were looked at", seen)
	}
	if got := fmt.Sprint(s.logged("serving")["url"]); !strings.HasPrefix(got, "https://localhost:") {
		t.Errorf("the first URL is %s", got)
	}
}

func TestUnconstrainedCAIsReportedAtEveryStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := map[string]string{"DEV_CA_CONSTRAINTS": "off", "DOMAINS": "shop.example.com", "HOME": dir,
		"TLS_CERT_FILE": filepath.Join(dir, "certs", "cert.pem"), "TLS_KEY_FILE": filepath.Join(dir, "certs", "key.pem")}
	for range 2 {
		s := start(t, env)
		if n := strings.Count(s.Log(), "can pose as any site"); n != 1 {
			t.Errorf("said %d times, want once a start:\n%s", n, s.Log())
		}
		root, err := os.ReadFile(filepath.Join(dir, "certs", "ca.pem"))
		if err != nil || !s.roots().AppendCertsFromPEM(root) {
			t.Fatal(err)
		}
		if resp, _ := s.do("GET", "https://shop.example.com/", ""); resp.StatusCode != 200 {
			t.Errorf("a public name got %d over verified TLS", resp.StatusCode)
		}
		s.stop()
		s.wait()
	}
	kept, _ := filepath.Glob(filepath.Join(dir, ".local", "share", "turnkey*"))
	if len(kept) == 1 && !strings.HasSuffix(kept[0], "-unconstrained") {
		t.Errorf("the CA is in %v, want a directory of its own", kept)
	}
}

func TestCertificateStaysInMemoryWithoutAWritableFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, map[string]string{"HOME": file, "XDG_DATA_HOME": "", "TLS_CERT_FILE": filepath.Join(file, "cert.pem"), "TLS_KEY_FILE": filepath.Join(file, "key.pem")})
	if !strings.Contains(s.Log(), "not saved: it changes with each start, and so does its CA") || !strings.Contains(s.Log(), "to keep it, ") {
		t.Errorf("not said, or without the next step:\n%s", s.Log())
	}
	s.client.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify = true
	if resp, _ := s.do("GET", "https://localhost/", ""); resp.StatusCode != 200 {
		t.Errorf("got %d, want 200", resp.StatusCode)
	}
}

func TestTheProjectsOwnAddressIsServed(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	if resp, _ := s.do("GET", "https://"+command.Project()+".localhost/", ""); resp.StatusCode != 200 {
		t.Errorf("the second address got %d", resp.StatusCode)
	}
}
