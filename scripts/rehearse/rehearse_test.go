package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	pt "example.com/turnkey/scripts/internal/projecttest"
)

const shop = "shop.example"

// The first visitor is refused, the next is served. The output reports each as it happened.
func TestVisitBeforeTheFirstCertificate(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.onHandshake = func(n int) {
		if n == 3 {
			st.serve(1)
		}
	}
	if _, err := st.issue(t.Context()); err != nil {
		t.Fatal(err)
	}
	st.mustTell(t, "a first visitor's handshake is refused", shop+": challenge answered, certificate issued by Practice CA")
}

// A certificate of another issuer is not the test CA's, even if it verifies.
func TestCertificateMissingInTheCAsLogIsAFault(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.present(1)
	if _, err := st.issue(t.Context()); err == nil || !strings.Contains(err.Error(), "did not note") {
		t.Errorf("got %v, want that the authority did not note it", err)
	}
	st.note(1)
	if st.authority.hasIssued(st.leaf(1)) {
		t.Error("a certificate counts as issued without a challenge answered")
	}
}

// Pebble would connect to the address, which is another machine's.
func TestAddressesAreNotRehearsed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args, domains []string
		want          string
		leftOut       bool
	}{
		{nil, nil, "shop.example www.shop.example", false},
		{nil, []string{"203.0.113.7", "[2001:db8::1]"}, "shop.example www.shop.example", true},
		{nil, []string{"203.0.113.7", "bücher.example"}, "xn--bcher-kva.example", true},
		{[]string{"a.example"}, []string{"203.0.113.7"}, "a.example", false},
	} {
		o := options{names: test.args}
		if got := o.chooseNames(test.domains); strings.Join(o.names, " ") != test.want || got != test.leftOut {
			t.Errorf("%v %v: got %v %v", test.args, test.domains, o.names, got)
		}
	}
}

// The site's log line about a failed order ends the wait for the certificate.
func TestAnOrderThatFails(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.troubles <- errors.New("shop.example: no certificate obtained: refused")
	if _, err := st.issue(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want what the site said", err)
	}
}

func TestRenewalIsSeenByAVisitor(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.serve(1)
	leaves, err := st.issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(3*visitEvery, func() { st.serve(2) })
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if err := st.renew(ctx, leaves); err != nil {
		t.Fatal(err)
	}
	st.mustTell(t, "certificate renewed, serial 1… → 2…", "none dropped")
}

// A dropped connection fails a rehearsal with ONCE=1. Without it, the output only reports the connection.
func TestAVisitorIsDropped(t *testing.T) {
	t.Parallel()
	for _, once := range []bool{true, false} {
		st := newStage(t)
		st.once = once
		st.serve(1)
		leaves, err := st.issue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		st.status.Store(http.StatusServiceUnavailable)
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(5*visitEvery, func() { st.status.Store(http.StatusOK); st.serve(2) })
		defer stop()
		time.AfterFunc(12*visitEvery, stop)
		err = st.renew(ctx, leaves)
		if once {
			if err == nil || !strings.Contains(err.Error(), "dropped: it answers 503") {
				t.Errorf("got %v, want the visitor that was dropped", err)
			}
			continue
		}
		st.mustTell(t, "✗ a visitor was dropped: it answers 503", shop+" answers again", "→ 2…")
		if strings.Contains(st.told.String(), "none dropped") || strings.Count(st.told.String(), "✗") != 1 {
			t.Errorf("told\n%s\nwant the dropped visitors counted, and told of once", st.told.String())
		}
	}
}

// A deployment with a fault must not be reported as a good one.
func TestFailedChecksAreNotReportedAsSuccess(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(*stage)
		want  string
	}{
		{"in order", func(*stage) {}, ""},
		{"the page fails", func(st *stage) { st.status.Store(http.StatusInternalServerError) }, "500"},
		{"the redirect is temporary", func(st *stage) { st.redirect = http.StatusFound }, "want a permanent redirect (308)"},
		{"the redirect leads elsewhere", func(st *stage) { st.location = "https://elsewhere.example/" }, "elsewhere.example"},
		{"strangers are let in", func(st *stage) { st.strangers = http.StatusOK }, "want 421"},
	} {
		st := newStage(t)
		st.serve(1)
		test.spoil(st)
		err := st.look(t.Context())
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			st.mustTell(t, "https answers 200 (h2), Strict-Transport-Security: max-age=5", "http redirects 308 to https://shop.example:", "an unknown host gets 421")
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// The rehearsal sets certificates and ports only. All other settings are the owner's.
func TestRehearsalUsesTheOwnersSettings(t *testing.T) {
	t.Parallel()
	base := []string{"DATABASE_URL=postgres://here", "HSTS=max-age=60", "ACME_DIRECTORY=production", "ACME_CACHE=/var/lib/shop", "TLS_MODE=proxy",
		"PROXY_PROTOCOL=on", "TRUSTED_PROXIES=10.0.0.7"}
	reh := &rehearsal{options: options{names: []string{"shop.example", "www.shop.example"}, https: 5443, plain: 5080}, dir: "/t",
		authority: &authority{directory: "https://127.0.0.1:1/dir", caFile: "/t/directory.pem"}}
	env := reh.siteEnv(base)
	last := map[string]string{} // os/exec gives a program the last of several
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		last[name] = value
	}
	for name, want := range map[string]string{
		"DATABASE_URL": "postgres://here", "HSTS": "max-age=60",
		"ENV": "prod", "TLS_MODE": "acme", "DOMAINS": "shop.example,www.shop.example", "HTTPS_ADDR": "127.0.0.1:5443", "HTTP_ADDR": "127.0.0.1:5080",
		"ACME_DIRECTORY": "https://127.0.0.1:1/dir", "ACME_CACHE": filepath.Join("/t", "acme"), "ACME_REHEARSAL": "off",
		"PROXY_PROTOCOL": "", "TRUSTED_PROXIES": "", // no balancer is in front
	} {
		if last[name] != want {
			t.Errorf("%s=%q, want %q", name, last[name], want)
		}
	}
	if len(base) != 7 || base[4] != "TLS_MODE=proxy" {
		t.Errorf("the caller's environment was changed: %q", base)
	}
}

func TestFaultOfALogLine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`time=2026-11-23T17:28:02.515Z level=ERROR msg="no certificate obtained" host=shop.example error="403: the \"challenge\" failed" again_in=1m0s advice="open port 80"`: "shop.example: no certificate obtained: 403: the \"challenge\" failed\n  → open port 80",
		`time=2026-11-23T17:28:02.515Z level=ERROR msg=late host=shop.example error=refused`:                                                                                  "shop.example: late: refused",
		`time=2026-11-23T17:28:02.515Z level=INFO msg="certificate obtained" host=shop.example issuer="Pebble CA"`:                                                            "",
		`time=2026-11-23T17:28:02.515Z level=ERROR msg="a handler failed" error="no rows"`:                                                                                    "",
		"  ➜  https://shop.example:5443   (plain http on port 5080 leads there)":                                                                                              "",
		`broken="`: "",
	} {
		got := ""
		if err := complaint(line); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s\n got %q\nwant %q", line, got, want)
		}
	}
}

func TestLinesAreWholeAndTheLastAreKept(t *testing.T) {
	t.Parallel()
	var heard []string
	l := &part{heard: func(line string) { heard = append(heard, line) }}
	fmt.Fprint(l, "one\ntw")
	fmt.Fprint(l, "o\r\nthree")
	if want := []string{"one", "two"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	if got := l.last(); got != "one\ntwo\nthree" {
		t.Errorf("last words %q", got)
	}
	for i := range 3 * lastLines {
		fmt.Fprintf(l, "%d\n", i)
	}
	if got := strings.Split(l.last(), "\n"); len(got) != lastLines || got[lastLines-1] != fmt.Sprint(3*lastLines-1) {
		t.Errorf("last words %q, want %d lines", got, lastLines)
	}
}

func TestTheCurlLine(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	proxy := func(name string) string { return map[string]string{"HTTPS_PROXY": "http://proxy:3128"}[name] }
	for _, test := range []struct {
		goos   string
		getenv func(string) string
		root   string
		want   string
	}{
		{"linux", none, "/tmp/r-1/root.pem", "curl --cacert /tmp/r-1/root.pem --resolve shop.example:5443:127.0.0.1 https://shop.example:5443/"},
		{"darwin", none, "/tmp/it's mine/root.pem", `curl --cacert '/tmp/it'\''s mine/root.pem' --resolve shop.example:5443:127.0.0.1 https://shop.example:5443/`},
		{"linux", proxy, "/tmp/r-1/root.pem", "curl --noproxy '*' --cacert /tmp/r-1/root.pem --resolve shop.example:5443:127.0.0.1 https://shop.example:5443/"},
		{"windows", none, `C:\Users\A B\root.pem`, `curl.exe --ssl-no-revoke --cacert "C:\Users\A B\root.pem" --resolve shop.example:5443:127.0.0.1 https://shop.example:5443/`},
	} {
		reh := &rehearsal{options: options{names: []string{shop}, https: 5443}, authority: &authority{rootFile: test.root}}
		if got := reh.curlLine(test.goos, test.getenv); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

// The URL stays the same while its port is free, and moves to the next port otherwise. A port that a setting names is
// used or refused.
func TestPorts(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port
	if got, err := sitePort("https", 0, port); err != nil || got <= port || got > port+nextPorts {
		t.Errorf("beside a busy port %d: %d, %v, want one of the next", port, got, err)
	}
	if got, err := sitePort("https", port, 1); err == nil || !strings.Contains(err.Error(), "-https") {
		t.Errorf("a busy port that was asked for: %d, %v, want an error that names the flag", got, err)
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	if free(udp.LocalAddr().(*net.UDPAddr).Port) {
		t.Error("a port that is taken for UDP counts as free")
	}
	if free, err := privatePort(); err != nil || free < 20000 || free >= 32000 {
		t.Errorf("private port: %d, %v", free, err)
	}
}

// Errors of the go command are reported with the fix.
func TestBuildErrorsNameTheFix(t *testing.T) {
	t.Parallel()
	_, missing := exec.LookPath("no-such-go-command")
	for _, test := range []struct {
		out  string
		err  error
		want string
	}{
		{"", missing, "go.dev/dl"},
		{`Get "https://proxy/x.info": dial tcp: lookup proxy: no such host`, errors.New("exit status 1"), "connect to the network"},
		{"module lookup disabled by GOPROXY=off", errors.New("exit status 1"), "set GOPROXY"},
		{"handlers/home.go:3:1: expected declaration", errors.New("exit status 1"), "handlers/home.go:3:1: expected declaration"},
	} {
		if err := explain("go build", test.out, test.err); !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q is explained as %q, want %q", test.out, err, test.want)
		}
	}
}

// The test runs a real go command that cannot reach a module proxy, as without a network.
func TestTheFirstRunWithoutANetwork(t *testing.T) {
	t.Setenv("GOPROXY", "https://127.0.0.1:1")
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw") // lets the test remove the module cache
	t.Chdir(t.TempDir())
	var said strings.Builder
	err := buildPebble(t.Context(), log.New(&said, "", 0))
	if err == nil || !strings.Contains(err.Error(), "connect to the network") {
		t.Errorf("got %v, want what to do", err)
	}
	if !strings.Contains(said.String(), "first run") {
		t.Errorf("said %q, want that this is the first run", said.String())
	}
}

func TestRefusals(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("GOPROXY", "off")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"-life", "1s"}, "too short"},
		{[]string{"-https", "70000"}, "-https"},
	} {
		var out bytes.Buffer
		err := run(t.Context(), test.args, func(string) string { return "" }, &out, &out)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.args, err, test.want)
		}
	}
	if _, err := buildSite(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "project's own directory") {
		t.Errorf("building where no project is: %v", err)
	}
}

// A program that ends by itself ends the rehearsal, and the error has its last lines. A program that is told to stop is
// waited for.
func TestPartsReportWhyTheyEnded(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs sh")
	}
	ctx, fail := context.WithCancelCause(t.Context())
	p, err := (&rehearsal{fail: fail}).start("site", exec.Command("sh", "-c", "echo the disk is full >&2; exit 3"), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.listens(ctx, "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("waiting for it: %v, want its end and its last words", err)
	}
	heard := make(chan string, 2)
	asked, err := (&rehearsal{fail: func(error) {}}).start("site",
		exec.Command("sh", "-c", "trap 'echo bye; exit 0' INT; echo ready; while :; do sleep 0.02; done"),
		func(line string) { heard <- line })
	if err != nil {
		t.Fatal(err)
	}
	<-heard
	asked.Stop(stopTime)
	if code := asked.Cmd.ProcessState.ExitCode(); code != 0 || asked.last() != "ready\nbye" {
		t.Errorf("a program that was asked to end: exit status %d, last words %q; want 0 and bye", code, asked.last())
	}
}

// Helpers

// stage is a site on real sockets that behaves as a test wants, and the log of a test CA.
type stage struct {
	*rehearsal
	told        pt.Buffer
	ca          *x509.Certificate
	key         *ecdsa.PrivateKey
	cert        atomic.Pointer[tls.Certificate]
	status      atomic.Int32
	redirect    int
	location    string
	strangers   int
	handshakes  atomic.Int32
	onHandshake func(n int)
}

func newStage(t *testing.T) *stage {
	t.Helper()
	st := &stage{redirect: http.StatusPermanentRedirect, strangers: http.StatusMisdirectedRequest, onHandshake: func(int) {}}
	st.status.Store(http.StatusOK)
	var err error
	if st.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	st.ca = st.sign(&x509.Certificate{SerialNumber: big.NewInt(100), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)

	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=5")
		if !strings.HasPrefix(r.Host, shop) {
			w.WriteHeader(st.strangers)
			return
		}
		w.WriteHeader(int(st.status.Load()))
	}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.EnableHTTP2 = true
	// Until there is a certificate, httptest must not serve its own.
	secure.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		st.onHandshake(int(st.handshakes.Add(1)))
		return &tls.Config{NextProtos: []string{"h2"}, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return st.cert.Load(), nil }}, nil
	}}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Host, shop) {
			w.WriteHeader(st.strangers)
			return
		}
		w.Header().Set("Location", st.location)
		w.WriteHeader(st.redirect)
	}))
	t.Cleanup(plain.Close)

	port := func(s *httptest.Server) int { return s.Listener.Addr().(*net.TCPAddr).Port }
	roots := x509.NewCertPool()
	roots.AddCert(st.ca)
	st.rehearsal = &rehearsal{options: options{names: []string{shop}, https: port(secure), plain: port(plain), once: true}, project: "shop",
		out: log.New(&st.told, "", 0), begin: time.Now(), authority: &authority{roots: roots, issued: map[string]bool{}},
		client: newClient(roots), troubles: make(chan error, 1)}
	st.location = st.url("https", port(secure))
	return st
}

// serve presents a certificate that the authority issued after a challenge.
func (st *stage) serve(serial int64) {
	st.authority.listen("Pebble 2026/11/23 17:28:01 authz v7pu set VALID by completed challenge NLll")
	st.note(serial)
	st.present(serial)
}

func (st *stage) note(serial int64) {
	st.authority.listen(fmt.Sprintf("Pebble 2026/11/23 17:28:02 Issued certificate serial %016x for order p6Oi", serial))
}

func (st *stage) present(serial int64) {
	st.cert.Store(&tls.Certificate{Certificate: [][]byte{st.leaf(serial).Raw}, PrivateKey: st.key})
}

func (st *stage) leaf(serial int64) *x509.Certificate {
	return st.sign(&x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{shop}}, st.ca)
}

// sign makes a certificate; without a parent, of the CA itself.
func (st *stage) sign(c, parent *x509.Certificate) *x509.Certificate {
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		c.Subject.CommonName = "Practice CA"
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, st.key.Public(), st.key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
}

// mustTell checks that the output has these texts in this order.
func (st *stage) mustTell(t *testing.T, want ...string) {
	t.Helper()
	rest := st.told.String()
	for _, words := range want {
		_, after, ok := strings.Cut(rest, words)
		if !ok {
			t.Errorf("told\n%s\nwant %q", st.told.String(), words)
			return
		}
		rest = after
	}
}
