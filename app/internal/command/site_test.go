package command

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/tlsconfig/localca"
)

// site is the whole program, run in this process on ports of the system's choice.
type site struct {
	t           *testing.T
	https, http string // addresses
	out, errout *syncBuffer
	stop        context.CancelFunc
	reload      chan os.Signal
	exit        chan int
	client      *http.Client // trusts the site's certificate, reaches it under any name, follows no redirect
	dir         string
}

// prod is a production setting that needs no certificate authority: PEM files for shop.test.
var prod = map[string]string{"ENV": "prod", "TLS_MODE": "files", "DOMAINS": "shop.test,www.shop.test"}

// start runs testSite with settings and the given routes beside its own, and waits until it serves.
func start(t *testing.T, settings map[string]string, routes ...func(*gin.Engine)) *site {
	t.Helper()
	return startSite(t, settings, testSite(), routes...)
}

// startWith is start with what the given routes take.
func startWith(t *testing.T, settings map[string]string, takes kit.Site, routes ...func(*gin.Engine)) *site {
	t.Helper()
	site := testSite()
	site.BodyLimits, site.BodyTypes = takes.BodyLimits, takes.BodyTypes
	return startSite(t, settings, site, routes...)
}

// startSite is start with another site.
func startSite(t *testing.T, settings map[string]string, served kit.Site, routes ...func(*gin.Engine)) *site {
	t.Helper()
	s := &site{t: t, out: &syncBuffer{}, errout: &syncBuffer{}, reload: make(chan os.Signal, 1), exit: make(chan int, 1), dir: t.TempDir()}
	env := map[string]string{"HTTPS_ADDR": "localhost:0", "HTTP_ADDR": "localhost:0", "LOG_FORMAT": "json", "HOME": s.dir,
		"TLS_CERT_FILE": filepath.Join(s.dir, "certs", "cert.pem"), "TLS_KEY_FILE": filepath.Join(s.dir, "certs", "key.pem"), "SHUTDOWN_GRACE": "5s"}
	maps.Copy(env, settings)
	pool := x509.NewCertPool()
	if env["TLS_MODE"] == "files" {
		issue(t, s.dir, "shop.test", "www.shop.test", "127.0.0.1")
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.stop = cancel
	go func() {
		own := served.Routes
		served.Routes = func(r *gin.Engine, server kit.Server) error {
			err := own(r, server)
			for _, add := range routes {
				add(r)
			}
			return err
		}
		s.exit <- Main(ctx, served, World{Lookup: lookupIn(env), Reload: s.reload, Stdout: s.out, Stderr: s.errout})
	}()
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			t.Logf("output:\n%s%s", s.out, s.errout)
		}
	})
	serving := s.logged("serving")
	s.https, _, _ = strings.Cut(serving["https"].(string), " ")
	s.http, _, _ = strings.Cut(serving["http"].(string), " ")
	if root, err := os.ReadFile(filepath.Join(s.dir, "certs", "ca.pem")); err == nil {
		pool.AppendCertsFromPEM(root)
	}
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool},
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			target := s.https
			if strings.HasSuffix(addr, ":80") {
				target = s.http
			}
			return (&net.Dialer{}).DialContext(ctx, network, target)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

// issue puts a certificate for names where start expects one. Its authority is an ordinary one, not the development CA,
// which production refuses.
func issue(t testing.TB, dir string, names ...string) {
	t.Helper()
	issueAs(t, dir, "An ordinary authority", names...)
}

// issueAs is issue by an authority of that organization.
func issueAs(t testing.TB, dir, organization string, names ...string) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	check(err)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{organization}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: serial, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	check(err)
	cert, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	check(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	certs := filepath.Join(dir, "certs")
	check(os.MkdirAll(certs, 0o700))
	for name, block := range map[string]*pem.Block{"key.pem": {Type: "PRIVATE KEY", Bytes: keyDER}, "cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "ca.pem": {Type: "CERTIFICATE", Bytes: root}} {
		check(localca.WriteFile(filepath.Join(certs, name), pem.EncodeToMemory(block), 0o600)) // whole, for a server may be reading
	}
}

// roots are those that the site's client trusts.
func (s *site) roots() *x509.CertPool {
	return s.client.Transport.(*http.Transport).TLSClientConfig.RootCAs
}

// onlyHTTP1 is a transport that offers no HTTP/2.
func onlyHTTP1(t *http.Transport) *http.Transport {
	t = t.Clone()
	t.ForceAttemptHTTP2, t.TLSNextProto = false, map[string]func(string, *tls.Conn) http.RoundTripper{}
	t.TLSClientConfig.NextProtos = []string{"http/1.1"}
	return t
}

// do sends a request and returns the response with its body read. Headers come in pairs; Host is one of them.
func (s *site) do(method, url, body string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: reading the body: %v", method, url, err)
	}
	return resp, string(data)
}

// logged waits for the log line with that message and attributes, and returns it.
func (s *site) logged(msg string, pairs ...string) map[string]any {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
	lines:
		for line := range strings.SplitSeq(s.out.String(), "\n") {
			var entry map[string]any
			if json.Unmarshal([]byte(line), &entry) != nil || entry["msg"] != msg {
				continue
			}
			for i := 0; i+1 < len(pairs); i += 2 {
				if entry[pairs[i]] != pairs[i+1] {
					continue lines
				}
			}
			return entry
		}
		select {
		case code := <-s.exit:
			s.exit <- code
			s.t.Fatalf("no log line %q; the program ended with %d:\n%s%s", msg, code, s.out, s.errout)
		default:
		}
	}
	s.t.Fatalf("no log line %q %q in:\n%s", msg, pairs, s.out)
	return nil
}

// lines are the log's with that in their message, once all that was asked for before is in the log.
func (s *site) lines(msg string) (entries []map[string]any) {
	s.t.Helper()
	if s.http != "" {
		path := fmt.Sprintf("/settled-%d", settled.Add(1))
		s.do("GET", "http://shop.test"+path, "", "Host", "127.0.0.1", "X-Forwarded-Proto", "http")
		s.logged("request", "path", path)
	}
	for line := range strings.SplitSeq(s.out.String(), "\n") {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && strings.Contains(fmt.Sprint(entry["msg"]), msg) {
			entries = append(entries, entry)
		}
	}
	return entries
}

var settled atomic.Int64

// once checks that the log has one line with that in its message, at level WARN, and all the words in its attributes.
func (s *site) once(msg string, words ...string) {
	s.t.Helper()
	entries := s.lines(msg)
	if len(entries) != 1 || entries[0]["level"] != "WARN" {
		s.t.Errorf("%d lines with %q, want one warning: %v", len(entries), msg, entries)
		return
	}
	for _, w := range words {
		if !strings.Contains(fmt.Sprint(entries[0]), w) {
			s.t.Errorf("the line %v does not say %q", entries[0], w)
		}
	}
}

// wait returns the exit status.
func (s *site) wait() int {
	s.t.Helper()
	select {
	case code := <-s.exit:
		return code
	case <-time.After(15 * time.Second):
		s.t.Fatal("the program did not end")
		return -1
	}
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
