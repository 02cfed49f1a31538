// Package apptest starts the whole site inside a test and visits it over TLS. It works from any package:
//
//	func TestHome(t *testing.T) {
//		site := apptest.Start(t, handlers.Site)
//		if page := site.Get("/"); page.Status != 200 {
//			t.Errorf("the first page got %d:\n%s", page.Status, page.Body)
//		}
//	}
//
// The site runs in production mode, so a test sees what visitors get: the templates and files of the binary, every
// security header, error pages without details, and log lines in JSON. Start makes a certificate for the host
// site.test (TLS_MODE=files), and the system chooses free ports. Settings replace these defaults:
//
//	apptest.Start(t, handlers.Site, "HSTS=max-age=60", "CORS_ORIGINS=https://app.test")
//	apptest.Start(t, handlers.Site, "ENV=dev") // error pages with details, https://localhost
//
// Settings come from these strings alone, not from the environment of the test or from .env. A handler that calls
// os.Getenv sees the environment of the test, which t.Setenv changes. Run calls a command of the site instead.
//
// Tests may run in parallel, each with its own site. Only slog.Default is shared: it belongs to the site that started
// last. The log of a site is printed when its test fails.
package apptest

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/internal/testcert"
	"example.com/turnkey/app/kit"
)

// waitTime is how long a start, an answer and a stop may take.
const waitTime = 20 * time.Second

// program is a site that runs in this process.
type program struct {
	https, http string // addresses that it listens on; empty: none
	host, url   string // of its first page; empty until it serves
	roots       []byte // PEM, of the CA of its certificate
	output      output
	reload      chan os.Signal
	cancel      context.CancelFunc
	ended       chan struct{} // closed when it has ended, and then status is its exit status
	status      int
}

// Start starts a site and returns once it serves. The test ends at once, with the program's own words, if the site
// does not start. The site is stopped at the end of the test, before the cleanups that the test registered earlier.
//
// Settings are written as in .env, "NAME=value". Start waits for the line "serving" of the log, in JSON. So LOG_FORMAT
// must be json, and LOG_LEVEL debug or info.
func Start(t testing.TB, site kit.Site, settings ...string) *Site {
	t.Helper()
	env := environment(t, site, settings)
	p := &program{reload: make(chan os.Signal, 1), ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	p.cancel = cancel
	world := command.World{Reload: p.reload, Stdout: &p.output, Stderr: &p.output, Lookup: lookupIn(env)}
	go func() {
		p.status = command.Main(ctx, site, world)
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() && p.url != "" { // empty: Fatalf in await has printed the output
			t.Logf("the site wrote:\n%s", p.output.String())
		}
	})
	p.await(t)
	p.roots, _ = os.ReadFile(filepath.Join(filepath.Dir(env["TLS_CERT_FILE"]), "ca.pem")) // absent where another CA issues
	p.host, _, _ = strings.Cut(cmp.Or(env["DOMAINS"], "localhost"), ",")
	p.url = "https://" + p.host
	if p.https == "" {
		p.url = "http://" + p.host
	}
	return (&Site{t: t, program: p}).Visitor()
}

// Run calls the program with words, such as those of a command of the site, and returns what it wrote on standard
// output and its exit status. What it wrote on standard error is in the log of the test. Settings are those of Start.
// Each Run and each Start has a DATA_DIR of its own. To share one, set it: "DATA_DIR="+dir.
func Run(t testing.TB, site kit.Site, args []string, settings ...string) (stdout string, status int) {
	t.Helper()
	var out, errs output
	status = command.Main(context.WithoutCancel(t.Context()), site, command.World{Args: args, Stdout: &out, Stderr: &errs,
		Lookup: lookupIn(environment(t, site, settings))})
	if said := errs.String(); said != "" {
		t.Logf("%s wrote on standard error:\n%s", strings.Join(args, " "), said)
	}
	return out.String(), status
}

func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { value, ok := env[name]; return value, ok }
}

// environment is what the program is told instead of the environment of the process. Files go to a temporary directory.
func environment(t testing.TB, site kit.Site, settings []string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	certs := filepath.Join(dir, "certs")
	env := map[string]string{"HOME": dir, "LocalAppData": dir, "LOG_FORMAT": "json",
		"HTTPS_ADDR": "localhost:0", "HTTP_ADDR": "localhost:0",
		"TLS_CERT_FILE": filepath.Join(certs, "cert.pem"), "TLS_KEY_FILE": filepath.Join(certs, "key.pem"),
		"ACME_CACHE": filepath.Join(certs, "acme"), "DATA_DIR": filepath.Join(dir, "data"), "SHUTDOWN_GRACE": "1s"}
	for _, declared := range site.Settings {
		if declared.InTests != "" {
			env[declared.Name] = declared.InTests
		}
	}
	own := map[string]string{}
	for _, setting := range settings {
		name, value, ok := strings.Cut(setting, "=")
		if !ok {
			t.Fatalf("the setting %q of this test is not NAME=value", setting)
		}
		own[name] = value
	}
	if cmp.Or(own["ENV"], "prod") == "prod" {
		env["ENV"], env["TLS_MODE"], env["DOMAINS"] = "prod", "files", "site.test"
	}
	maps.Copy(env, own)
	if _, theirs := own["HTTPS_ADDR"]; env["TLS_MODE"] == "proxy" && !theirs {
		delete(env, "HTTPS_ADDR") // or the site warns that it ignores it
	}
	if _, theirs := own["TLS_CERT_FILE"]; env["TLS_MODE"] == "files" && !theirs {
		names := cmp.Or(env["DOMAINS"], "localhost")
		testcert.Write(t, certs, strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return env
}

// await returns when the program serves, with its addresses in p.
func (p *program) await(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(waitTime); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		for line := range strings.Lines(p.output.String()) {
			var entry struct{ Msg, HTTPS, HTTP string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "serving" {
				p.https, _, _ = strings.Cut(entry.HTTPS, " ")
				p.http, _, _ = strings.Cut(entry.HTTP, " ")
				return
			}
		}
		select {
		case <-p.ended:
			t.Fatalf("the site does not start:\n%s", p.output.String())
		default:
		}
	}
	t.Fatalf("the site did not say in JSON that it is serving, within %s:\n%s", waitTime, p.output.String())
}

// stop returns the exit status.
func (p *program) stop(t testing.TB) int {
	t.Helper()
	p.cancel()
	select {
	case <-p.ended:
		return p.status
	case <-time.After(waitTime):
		t.Errorf("the site did not stop within %s", waitTime)
		return -1
	}
}

// transport reaches the site and trusts its certificate.
func (p *program) transport() *http.Transport {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.roots)
	return &http.Transport{DialContext: p.dial, TLSClientConfig: &tls.Config{RootCAs: roots}}
}

// dial connects to the site under any name.
func (p *program) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	to := p.https
	if strings.HasSuffix(addr, ":80") {
		to = p.http
	}
	return (&net.Dialer{}).DialContext(ctx, network, to)
}
