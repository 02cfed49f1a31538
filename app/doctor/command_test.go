package doctor

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

func weakRSA(t *testing.T) *rsa.PublicKey {
	t.Helper()
	return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
}

func noEnv(string) (string, bool) { return "", false }

// The command against a real server on this machine, with flags alone.
func TestTheCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.leaf.DNSNames = []string{"localhost"}
	secure, plain := w.listen(), w.listen()
	httpsPort := portOf(secure)
	w.plain = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			http.NotFound(rw, r)
			return
		}
		http.Redirect(rw, r, "https://localhost:"+httpsPort+r.URL.Path, http.StatusPermanentRedirect)
	})
	w.serve(secure, plain)
	ca := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.ca.root.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	site := "https://localhost:" + httpsPort
	run := func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := Command(t.Context(), "turnkey", args, noEnv, &out, &errs)
		return code, out.String(), errs.String()
	}

	code, out, errs := run(site, "--json", "--ca", ca, "--http-port", portOf(plain))
	var r struct {
		OK          bool
		URL, Time   string
		Certificate struct {
			NotAfter string `json:"not_after"`
			Names    []string
		}
		Checks []struct{ Group, Check, Status, Found, Fix string }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	if code != 0 || !r.OK || r.URL != site || !slices.Equal(r.Certificate.Names, []string{"localhost"}) || len(r.Checks) < 20 {
		t.Errorf("exit status %d:\n%s", code, out)
	}
	for _, text := range []string{r.Time, r.Certificate.NotAfter} {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			t.Error(err)
		}
	}

	code, out, _ = run(site)
	if code != 1 || !strings.Contains(out, "✗ wrong  trust        ") || !strings.Contains(out, "\n                        ➜ ") ||
		!strings.HasSuffix(out, "One thing is wrong; the line with ➜ below it mends it.\n") || strings.Contains(out, "\x1b") {
		t.Errorf("exit status %d:\n%s", code, out)
	}
	for _, args := range [][]string{
		{}, {site, site}, {"http://localhost"}, {"https://user@localhost"}, {"https://localhost/path"}, {"https://local host"},
		{site, "-ca", ca + ".not"}, {site, "-ca", os.Args[0]}, {site, "-address", "nowhere"}, {site, "-http-port", "99999"}, {site, "-http-port", httpsPort}, {"-nonsense"}, {"-h"}, {"https://localhost:0"}, {""},
	} {
		if code, out, errs := run(args...); code != 2 || out != "" || errs == "" {
			t.Errorf("%q: exit status %d, %q, %q", args, code, out, errs)
		}
	}
}

func TestASiteIsAskedForInManyWays(t *testing.T) {
	for raw, want := range map[string]target{
		"https://example.com":      {host: "example.com", httpsPort: 443, httpPort: 80},
		"example.com":              {host: "example.com", httpsPort: 443, httpPort: 80},
		" EXAMPLE.com./ ":          {host: "example.com", httpsPort: 443, httpPort: 80},
		"https://bücher.example/":  {host: "xn--bcher-kva.example", httpsPort: 443, httpPort: 80},
		"example.com:8443":         {host: "example.com", httpsPort: 8443},
		"https://[2001:DB8::1]:44": {host: "2001:db8::1", addr: mustAddr("2001:db8::1"), httpsPort: 44},
		"2001:DB8::1":              {host: "2001:db8::1", addr: mustAddr("2001:db8::1"), httpsPort: 443, httpPort: 80},
		"203.0.113.7":              {host: "203.0.113.7", addr: mustAddr("203.0.113.7"), httpsPort: 443, httpPort: 80},
	} {
		if got, err := parseTarget(raw, 0); err != nil || got != want {
			t.Errorf("%q = %+v, %v, want %+v", raw, got, err, want)
		}
	}
	if got := (target{host: "::1", addr: mustAddr("::1"), httpsPort: 443, httpPort: 80}).url("http", "/"); got != "http://[::1]/" {
		t.Errorf("url = %s", got)
	}
}

func TestResolversComeFromResolvConf(t *testing.T) {
	got := parseResolvers("# x\nnameserver 192.0.2.1\nsearch a.b\nnameserver fe80::1%eth0\nnameserver nonsense\noptions edns0\nnameserver 127.0.0.53\nnameserver 192.0.2.9\n")
	if want := []string{"192.0.2.1:53", "[fe80::1%eth0]:53", "127.0.0.53:53"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestColourIsForTerminalsThatWantIt(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	term := func(name string) (string, bool) { return map[string]string{"TERM": "xterm"}[name], true }
	if colourful(f, term) || colourful(&bytes.Buffer{}, term) {
		t.Error("a file is no terminal")
	}
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil { // a device, as terminals are
		defer null.Close()
		no := func(name string) (string, bool) {
			return map[string]string{"TERM": "xterm", "NO_COLOR": "1"}[name], true
		}
		if colourful(null, no) || colourful(null, noEnv) {
			t.Error("NO_COLOR, and a terminal of no name, mean none")
		}
	}
	var out bytes.Buffer
	r := Report{URL: "https://x", Checks: []Check{{"dns", "a", Wrong, "found", "fix"}}}
	if err := r.Text(&out, true); err != nil || !strings.Contains(out.String(), "\x1b[31m✗ wrong\x1b[0m  a ") {
		t.Errorf("%v: %q", err, out.String())
	}
}

func portOf(ln net.Listener) string {
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}
