//go:build unix

// Package rehearse runs make rehearse in a fresh clone, and checks by its own requests what the rehearsal reports.
package rehearse

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

var names = []string{"shop.example", "www.shop.example"}

// The rehearsal and these tests use the same version of Pebble.
func TestAllTestsUseOneVersionOfPebble(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	tools := rig.Read(t, filepath.Join(root, "scripts", "rehearse", "tools.go"))
	m := regexp.MustCompile(`pebbleModule += "(.+)"\n\s+pebbleVersion = "(.+)"`).FindSubmatch(tools)
	if m == nil {
		t.Fatal("scripts/rehearse/tools.go names no version of Pebble")
	}
	if want := fmt.Sprintf("%s %s ", m[1], m[2]); !strings.Contains(string(rig.Read(t, filepath.Join("..", "go.mod"))), want) {
		t.Errorf(".ci/e2e/go.mod does not require %s", want)
	}
}

// A whole rehearsal, from a fresh clone to the renewal. The test's own client sees what the rehearsal reports.
func TestRehearsalReportsWhatHappens(t *testing.T) {
	clone := rig.Clone(t)
	r := rehearse(t, clone, nil, "make", "rehearse", "ONCE=1")
	r.waitFor("Ctrl-C ends it")
	home := r.url()
	roots := r.roots()

	if out, err := r.shell(r.find(`(?m)^ *(curl .+)$`)[1]); err != nil || !strings.Contains(out, "</html>") {
		t.Errorf("the line for curl, as it stands, gives %v and\n%s", err, out)
	}
	first := map[string]*x509.Certificate{}
	for _, name := range names {
		first[name] = leaf(t, home.Port(), name, roots)
		told := r.find("✓ " + regexp.QuoteMeta(name) + `: challenge answered, certificate issued by (.+) until (\S+)`)
		if told[1] != first[name].Issuer.CommonName || told[2] != first[name].NotAfter.UTC().Format(time.TimeOnly) {
			t.Errorf("told of %s: %s; the certificate says %s, %s", name, told[0], first[name].Issuer.CommonName, first[name].NotAfter)
		}
	}
	visitor := rig.Visitor(roots)
	page := rig.Get(t, visitor, home.String())
	if told := r.find(`https answers (\d+) \((\S+)\), Strict-Transport-Security: (.+)`); told[1] != strconv.Itoa(page.StatusCode) ||
		told[2] != page.TLS.NegotiatedProtocol || told[3] != page.Header.Get("Strict-Transport-Security") || page.StatusCode != 200 || told[2] != "h2" {
		t.Errorf("told %q; the answer is %s over %s with %v", told[0], page.Status, page.TLS.NegotiatedProtocol, page.Header)
	}
	plain := "http://" + names[0] + ":" + r.find(`plain http on (\d+)`)[1] + "/"
	moved := rig.Get(t, visitor, plain)
	if told := r.find(`http redirects (\d+) to (\S+)`); told[1] != strconv.Itoa(moved.StatusCode) || told[2] != moved.Header.Get("Location") || told[1] != "308" {
		t.Errorf("told %q; the answer is %s to %q", told[0], moved.Status, moved.Header.Get("Location"))
	}
	stranger := rig.Ask(t, visitor, rig.Request{URL: home.String(), Host: "other.example"})
	if told := r.find(`an unknown host gets (\d+)`); told[1] != strconv.Itoa(stranger.StatusCode) {
		t.Errorf("told %q; the answer is %s", told[0], stranger.Status)
	}

	// The rehearsal ends with the last renewal, so the test may or may not see that certificate.
	seen := map[string]bool{}
	for deadline := time.Now().Add(patience); !r.ended(); {
		if time.Now().After(deadline) {
			t.Fatalf("not over after %s", patience)
		}
		for _, name := range names {
			if state, err := rig.Handshake("127.0.0.1:"+home.Port(), &tls.Config{ServerName: name, RootCAs: roots}); err == nil {
				seen[state.PeerCertificates[0].SerialNumber.Text(16)[:8]] = true
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	if code := r.exitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	witnessed := 0
	for _, name := range names {
		told := r.find("✓ " + regexp.QuoteMeta(name) + `: certificate renewed, serial (\S+)… → (\S+)…, until (\S+); (\d+) requests so far, (\S+) dropped`)
		if want := first[name].SerialNumber.Text(16)[:8]; told[1] != want || told[2] == want {
			t.Errorf("told %q; the first certificate of %s was %s", told[0], name, want)
		}
		if visits, _ := strconv.Atoi(told[4]); visits < 100 || told[5] != "none" {
			t.Errorf("told %q, want hundreds of requests and none dropped", told[0])
		}
		if seen[told[2]] {
			witnessed++
		}
	}
	if witnessed == 0 {
		t.Error("no renewed certificate that was told of was served")
	}
	if len(seen) > 2*len(names) {
		t.Errorf("%d certificates were served, want two for each of %v", len(seen), names)
	}
	r.inOrder()
	r.leavesNothing()
	if out, err := r.shell("git status --porcelain"); err != nil || out != "" {
		t.Errorf("a rehearsal leaves what git does not ignore: %v\n%s", err, out)
	}

	// The following runs need neither network nor a build of Pebble.
	t.Run("the second run, and a Ctrl-C", func(t *testing.T) { secondRun(t, clone) })
	t.Run("the authority dies", func(t *testing.T) { authorityDies(t, clone) })
	t.Run("killed", func(t *testing.T) { killed(t, clone) })
	t.Run("a name that no CA accepts", func(t *testing.T) { refusedName(t, clone) })
}

// The second run fetches nothing, takes its names from .env and moves from a busy port. Ctrl-C ends all its processes.
func secondRun(t *testing.T, clone string) {
	busy, err := net.Listen("tcp", "127.0.0.1:5443")
	if err == nil { // if this fails, another program has the port already
		defer busy.Close()
	}
	dotenv := filepath.Join(clone, ".env")
	rig.Write(t, dotenv, []byte("DOMAINS=books.example\nHSTS=max-age=77\nTLS_MODE=proxy\nTRUSTED_PROXIES=127.0.0.1\n"), 0o600)
	defer os.Remove(dotenv)
	r := rehearse(t, clone, []string{"GOPROXY=off"}, "make", "rehearse")
	r.waitFor("Ctrl-C ends it")
	if took := time.Since(r.begin); took > 15*time.Second {
		t.Errorf("the second run took %s to its URL", took)
	}
	if strings.Contains(r.out.String(), "first run:") {
		t.Errorf("the second run builds the authority again:\n%s", r.out.String())
	}
	home := r.url()
	if home.Hostname() != "books.example" || home.Port() == "5443" {
		t.Errorf("the URL is %s, want one of books.example beside the busy port", home)
	}
	r.find(`Strict-Transport-Security: max-age=77`)
	r.find(`note: .* proxy`)
	if conn, err := net.Dial("tcp", "127.0.0.1:"+home.Port()); err != nil {
		t.Errorf("no program listens on %s: %v", home.Host, err)
	} else {
		conn.Close()
	}
	r.signal(syscall.SIGINT)
	r.exitCode()
	r.find("the rehearsal is over")
	r.leavesNothing()
}

// With ONCE=1 an interrupted rehearsal ends with an exit status and a reason.
func authorityDies(t *testing.T, clone string) {
	r := rehearse(t, clone, nil, filepath.Join("bin", "scripts", "rehearse"), "-once")
	r.waitFor("Ctrl-C ends it")
	for _, p := range r.parts() {
		if strings.Contains(p.args, "pebble.json") {
			syscall.Kill(p.id, syscall.SIGKILL)
		}
	}
	if code := r.exitCode(); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	r.find(`rehearse: pebble ended before the rehearsal did`)
	r.leavesNothing()
}

// On Linux no process remains after the rehearsal is killed.
func killed(t *testing.T, clone string) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends children with their parent")
	}
	r := rehearse(t, clone, nil, filepath.Join("bin", "scripts", "rehearse"))
	r.waitFor("Ctrl-C ends it")
	if parts := r.parts(); len(parts) != 4 {
		t.Errorf("%d programs run, want the rehearsal and its three parts: %v", len(parts), parts)
	}
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	r.exitCode()
	rig.Eventually(t, 5*time.Second, "the end of every part", func() bool { return len(r.parts()) == 0 })
}

// The rehearsal refuses what the site refuses, with the site's message.
func refusedName(t *testing.T, clone string) {
	r := rehearse(t, clone, nil, "make", "rehearse", "DOMAINS=localhost", "ONCE=1")
	if code := r.exitCode(); code == 0 {
		t.Error("exit status 0, want a failure")
	}
	r.find(`DOMAINS="localhost": no public CA issues for a local name`)
	r.leavesNothing()
}

// Helpers

func leaf(t *testing.T, port, name string, roots *x509.CertPool) *x509.Certificate {
	t.Helper()
	state, err := rig.Handshake("127.0.0.1:"+port, &tls.Config{ServerName: name, RootCAs: roots})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return state.PeerCertificates[0]
}

// inOrder checks that the printed times increase and that the steps are in the order of a deployment.
func (r *run) inOrder() {
	r.t.Helper()
	last := -1.0
	var steps []string
	for _, m := range regexp.MustCompile(`(?m)^ *(\d+\.\d) s  (\S) (.+)$`).FindAllStringSubmatch(r.out.String(), -1) {
		at, _ := strconv.ParseFloat(m[1], 64)
		if at < last || m[2] != "✓" {
			r.t.Errorf("%q does not follow %.1f s", m[0], last)
		}
		last = at
		steps = append(steps, m[3])
	}
	want := []string{"the test CA is up", "is started with ENV=prod", "certificate issued", "certificate issued", "https answers", "http redirects", "an unknown host", "certificate renewed", "certificate renewed"}
	if len(steps) != len(want) {
		r.t.Fatalf("%d steps, want %d:\n%s", len(steps), len(want), strings.Join(steps, "\n"))
	}
	for i, step := range steps {
		if !strings.Contains(step, want[i]) {
			r.t.Errorf("step %d is %q, want %q", i+1, step, want[i])
		}
	}
}

func (r *run) url() *url.URL {
	r.t.Helper()
	u, err := url.Parse(r.find(`➜  (https://\S+)`)[1])
	if err != nil {
		r.t.Fatal(err)
	}
	return u
}

// roots are the roots in the printed curl command.
func (r *run) roots() *x509.CertPool {
	r.t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(rig.Read(r.t, r.find(`--cacert (\S+)`)[1])) {
		r.t.Fatal("the root is no certificate")
	}
	return pool
}

// leavesNothing checks that no files, processes or open ports remain.
func (r *run) leavesNothing() {
	r.t.Helper()
	left, err := os.ReadDir(r.tmp)
	if err != nil || len(left) > 0 {
		r.t.Errorf("left in the directory for temporary files: %v %v", left, err)
	}
	if parts := r.parts(); len(parts) > 0 {
		r.t.Errorf("still running: %v", parts)
	}
	for _, m := range regexp.MustCompile(`(?:on port|plain http on|https://127\.0\.0\.1:)\s?(\d+)`).FindAllStringSubmatch(r.out.String(), -1) {
		if conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%s", m[1]), time.Second); err == nil {
			conn.Close()
			r.t.Errorf("a program still listens on port %s", m[1])
		}
	}
}
