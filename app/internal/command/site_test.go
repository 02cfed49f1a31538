package command_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/internal/testcert"
	"example.com/turnkey/app/kit"
)

// site is a site of apptest and what the tests of the program need in addition: addresses, files, and the log by line.
type site struct {
	*apptest.Site
	t           *testing.T
	https, http string // addresses
	exit        chan int
	client      *http.Client // apptest's client without its cookies
	dir         string
}

// prod is a production setting that needs no certificate authority: PEM files for shop.test.
var prod = command.Prod

var (
	with       = command.With
	lookupIn   = command.LookupIn
	handlerOf  = command.HandlerOf
	typed      = command.Typed
	eventually = command.Eventually
	refused    = command.Refused
)

type syncBuffer = command.SyncBuffer

// start runs command.Sample with settings and the given additional routes. Without ENV it is a development site.
func start(t *testing.T, settings map[string]string, routes ...func(*gin.Engine)) *site {
	t.Helper()
	return startSite(t, settings, command.Sample(), routes...)
}

// startWith is start with the body limits and body types of takes.
func startWith(t *testing.T, settings map[string]string, takes kit.Site, routes ...func(*gin.Engine)) *site {
	t.Helper()
	served := command.Sample()
	served.BodyLimits, served.BodyTypes = takes.BodyLimits, takes.BodyTypes
	return startSite(t, settings, served, routes...)
}

// startSite is start with another site.
func startSite(t *testing.T, settings map[string]string, served kit.Site, routes ...func(*gin.Engine)) *site {
	t.Helper()
	s := &site{t: t, exit: make(chan int, 1), dir: t.TempDir()}
	certs := filepath.Join(s.dir, "certs")
	env := map[string]string{"ENV": "dev", "DOMAINS": "", "HOME": s.dir,
		"TLS_CERT_FILE": filepath.Join(certs, "cert.pem"), "TLS_KEY_FILE": filepath.Join(certs, "key.pem")}
	maps.Copy(env, settings)
	if env["HTTP3"] == "on" && env["HTTPS_ADDR"] == "" {
		env["HTTPS_ADDR"] = freeForBoth(t)
	}
	if env["TLS_MODE"] == "files" {
		testcert.Write(t, certs, "shop.test", "www.shop.test", "127.0.0.1")
	}
	own := served.Routes
	served.Routes = func(r *gin.Engine, server kit.Server) error {
		err := own(r, server)
		for _, add := range routes {
			add(r)
		}
		return err
	}
	var pairs []string
	for name, value := range env {
		pairs = append(pairs, name+"="+value)
	}
	s.Site = apptest.Start(t, served, pairs...)
	s.client = s.Client
	s.client.Jar = nil
	serving := s.logged("serving")
	s.https, _, _ = strings.Cut(serving["https"].(string), " ")
	s.http, _, _ = strings.Cut(serving["http"].(string), " ")
	return s
}

// freeForBoth returns an address that is free over TCP and UDP. Its port is below those that systems give to clients,
// such as the QUIC clients of other tests.
func freeForBoth(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp", addr)
		ln.Close()
		if err == nil {
			udp.Close()
			return addr
		}
	}
	t.Fatal("no port is free over TCP and UDP")
	return ""
}

// roots returns the CAs that the site's client trusts.
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
	return logLine(s.t, s.Log, msg, pairs...)
}

// logLine waits for the line with that message and attributes in the log that read returns, and returns it.
func logLine(t *testing.T, read func() string, msg string, pairs ...string) map[string]any {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
	lines:
		for line := range strings.SplitSeq(read(), "\n") {
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
	}
	t.Fatalf("no log line %q %q in:\n%s", msg, pairs, read())
	return nil
}

// lines returns the log lines whose message contains msg. It waits until everything logged before the call is in the
// log.
func (s *site) lines(msg string) (entries []map[string]any) {
	s.t.Helper()
	for line := range strings.SplitSeq(s.Log(), "\n") {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && strings.Contains(fmt.Sprint(entry["msg"]), msg) {
			entries = append(entries, entry)
		}
	}
	return entries
}

// once checks that exactly one log line has msg in its message, that its level is WARN, and that its attributes have
// all the words.
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

// stop starts the shutdown. wait returns its exit status.
func (s *site) stop() { go func() { s.exit <- s.Stop() }() }

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

func pick[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}

// siteWith is testSite with more routes.
func siteWith(add func(*gin.Engine)) kit.Site {
	site := command.Sample()
	site.Routes = func(r *gin.Engine, server kit.Server) error {
		add(r)
		return command.SampleRoutes(r, server)
	}
	return site
}

// These tests rely on values that the closed rooms fix.
const (
	maxBody       = 1 << 20               // bytes of a request's body
	maxHeader     = 64 << 10              // bytes of a request's header
	headerTimeout = 5 * time.Second       // for a request's header, or for a handshake
	maxStreams    = 100                   // requests open at once on an HTTP/2 connection
	writeDelay    = 20 * time.Millisecond // how long a log line may wait before it is written
)
