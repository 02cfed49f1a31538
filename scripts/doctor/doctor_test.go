package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/localca"
)

// TestMain makes the test binary an Executable for what the doctor starts.
func TestMain(m *testing.M) {
	truststore.ServeVerify(os.Args, os.Stdin)
	os.Exit(m.Run())
}

// reports is the output of --json.
type reports struct {
	OK          bool
	URL, Time   string
	System, Go  string
	Addresses   []string
	Certificate *struct {
		NotAfter string `json:"not_after"`
		Names    []string
	}
	Checks []struct{ Group, Check, Status, Found, Fix string }
}

// The command examines a site with flags alone, against a real server on this machine.
func TestDoctorExaminesASite(t *testing.T) {
	t.Parallel()
	site, plain, root := serve(t)
	code, out, errs := doctor(t, site, "--json", "--ca", root, "--http-port", plain)
	var r reports
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	if code != 0 || !r.OK || r.URL != site || len(r.Checks) < 20 || r.Certificate == nil {
		t.Fatalf("exit status %d:\n%s", code, out)
	}
	if got := r.Certificate.Names; !slices.Contains(got, "localhost") {
		t.Errorf("the certificate is for %q", got)
	}
	for _, text := range []string{r.Time, r.Certificate.NotAfter} {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			t.Error(err)
		}
	}

	code, out, _ = doctor(t, site)
	if code != 1 || !strings.Contains(out, "✗ wrong  trust        ") || !strings.Contains(out, "\n                        ➜ ") ||
		!strings.HasSuffix(out, "One thing is wrong; the line with ➜ below it fixes it.\n") || strings.Contains(out, "\x1b") {
		t.Errorf("exit status %d:\n%s", code, out)
	}
}

// Without a site the command examines this machine. The report has the same form and can be shown to others.
func TestDoctorExaminesThisMachine(t *testing.T) {
	t.Chdir(t.TempDir())
	home := t.TempDir()
	code, out, errs := doctorOf(t, home, "-json")
	var r reports
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	if code != 1 || r.OK || r.System == "" || r.Go == "" || len(r.Checks) < 6 || r.URL != "" || r.Certificate != nil || r.Addresses != nil {
		t.Errorf("exit status %d:\n%s", code, out)
	}
	groups := map[string]bool{}
	for _, c := range r.Checks {
		groups[c.Group] = true
		isCA := c.Group == "certificate" && c.Check == "ca"
		if isCA && (c.Status != "wrong" || c.Fix != "make dev makes it" || !strings.Contains(c.Found, "~")) {
			t.Errorf("%+v", c)
		}
	}
	for _, want := range []string{"machine", "certificate", "ports", "names"} {
		if !groups[want] {
			t.Errorf("no group %s in %v", want, groups)
		}
	}
	if strings.Contains(out, home) {
		t.Errorf("the home directory %s is in:\n%s", home, out)
	}

	code, out, _ = doctorOf(t, home)
	if code != 1 || !strings.HasPrefix(out, "\n  this machine, ") || !strings.Contains(out, "\n  Certificate\n  ✗ wrong  ca  ") {
		t.Errorf("exit status %d:\n%s", code, out)
	}
}

func TestUnclearArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	const site = "https://localhost:1"
	pemless := filepath.Join(t.TempDir(), "pemless")
	if err := os.WriteFile(pemless, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{site, site}, {"http://localhost"}, {"https://user@localhost"}, {"https://localhost/path"}, {"https://local host"},
		{site, "-ca", pemless + ".not"}, {site, "-ca", pemless}, {site, "-address", "nowhere"},
		{site, "-http-port", "99999"}, {site, "-http-port", "1"},
		{"-nonsense"}, {"-h"}, {"https://localhost:0"}, {""}, {"-ca", pemless}, {"-address", "127.0.0.1"}, {"-http-port", "80"},
	} {
		code, out, errs := doctor(t, args...)
		if oneLine := strings.Count(errs, "\n") == 1; code != 2 || out != "" || errs == "" || oneLine == (args[0] == "-h") {
			t.Errorf("%q: exit status %d, %q, %q", args, code, out, errs)
		}
	}
}

func TestColourOnTerminalsOnly(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			if i := slices.Index(pairs, name); i >= 0 {
				return pairs[i+1]
			}
			return ""
		}
	}
	if term := env("TERM", "xterm"); colourful(f, term) || colourful(&bytes.Buffer{}, term) {
		t.Error("a file is no terminal")
	}
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil { // a device, as a terminal is
		defer null.Close()
		if colourful(null, env("TERM", "xterm", "NO_COLOR", "1")) || colourful(null, env()) || colourful(null, env("TERM", "dumb")) {
			t.Error("NO_COLOR, and a terminal of no name, mean none")
		}
	}
}

// Helpers

// doctor runs the command where a program cannot find its own path, as in a container without /proc. Only the checks of
// this machine start the program again.
func doctor(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), program{args: args, getenv: func(string) string { return "" }, stdout: &out, stderr: &errs,
		host: func() (*truststore.Host, error) { return nil, errors.New("no path") }})
	return code, out.String(), errs.String()
}

// doctorOf runs the command on a Linux machine with this home directory and with free ports.
func doctorOf(t *testing.T, home string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	https, plain := listen(t), listen(t)
	https.Close()
	plain.Close()
	env := map[string]string{
		"HOME": home, "LocalAppData": home, "HTTPS_ADDR": https.Addr().String(), "HTTP_ADDR": plain.Addr().String(),
	}
	var out, errs bytes.Buffer
	code = run(t.Context(), program{args: args, getenv: func(name string) string { return env[name] }, stdout: &out, stderr: &errs,
		host: func() (*truststore.Host, error) {
			return &truststore.Host{OS: "linux", UID: 1000, Executable: exe}, nil
		}})
	return code, out.String(), errs.String()
}

// serve runs a site on localhost without faults, and returns the file of the root that signed its certificate.
func serve(t *testing.T) (site, plainPort, root string) {
	t.Helper()
	dir := t.TempDir()
	cert, key, ca := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca")
	if _, err := localca.Ensure(localca.Request{CertFile: cert, KeyFile: key, CADir: ca, Names: []string{"localhost"}}); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	secure, plain := listen(t), listen(t)
	_, httpsPort, _ := net.SplitHostPort(secure.Addr().String())
	_, plainPort, _ = net.SplitHostPort(plain.Addr().String())
	site = "https://localhost:" + httpsPort
	quiet := log.New(io.Discard, "", 0)
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "same-origin")
		io.WriteString(w, "hello")
	})
	https := &http.Server{Handler: page, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}, ErrorLog: quiet}
	http1 := &http.Server{ErrorLog: quiet, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			http.NotFound(w, r)
			return
		}
		http.Redirect(w, r, site+r.URL.Path, http.StatusPermanentRedirect)
	})}
	go https.ServeTLS(secure, "", "")
	go http1.Serve(plain)
	t.Cleanup(func() { https.Close(); http1.Close() })
	return site, plainPort, filepath.Join(ca, localca.RootFile)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}
