package command_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/internal/testcert"
)

// over returns the site as seen by a client with these TLS settings, which opens connections of its own.
func (s *site) over(config *tls.Config) *site {
	s.t.Helper()
	transport := s.client.Transport.(*http.Transport).Clone()
	config = config.Clone()
	config.RootCAs = s.roots()
	transport.TLSClientConfig, transport.TLSNextProto = config, nil
	transport.ForceAttemptHTTP2 = slices.Contains(config.NextProtos, "h2")
	s.t.Cleanup(transport.CloseIdleConnections)
	other := *s
	other.client = &http.Client{Transport: transport, Timeout: 20 * time.Second, CheckRedirect: s.client.CheckRedirect}
	return &other
}

// see asks the site what the server saw of a request.
func (s *site) see(host string, headers ...string) (*http.Response, command.Seen) {
	s.t.Helper()
	resp, body := s.do("GET", "https://"+host+"/seen", "", headers...)
	var got command.Seen
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		s.t.Fatalf("%s: %v", body, err)
	}
	return resp, got
}

// fingerprints are those of the certificates that the client was shown.
func fingerprints(state *tls.ConnectionState) (out []string) {
	for _, cert := range state.PeerCertificates {
		sum := sha256.Sum256(cert.Raw)
		out = append(out, hex.EncodeToString(sum[:]))
	}
	return out
}

func TestHandlersSeeTheHelloAndTheChain(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	suite := tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
	for name, config := range map[string]*tls.Config{
		"TLS 1.3 over HTTP/2":   {NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519}},
		"TLS 1.3 over HTTP/1.1": {NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.CurveP384}},
		"TLS 1.2 over HTTP/2":   {NextProtos: []string{"h2", "http/1.1"}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}, CurvePreferences: []tls.CurveID{tls.CurveP256}},
		"TLS 1.2 over HTTP/1.1": {NextProtos: []string{"http/1.1"}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}, CurvePreferences: []tls.CurveID{tls.X25519}},
	} {
		t.Run(name, func(t *testing.T) {
			resp, got := s.over(config).see("shop.test")
			h := got.Hello
			if h == nil {
				t.Fatal("the hello was not remembered")
			}
			slices.Sort(h.Groups)
			groups := slices.Sorted(slices.Values(config.CurvePreferences))
			if h.ServerName != "shop.test" || !slices.Equal(h.ALPN, config.NextProtos) || !slices.Equal(h.Groups, groups) || !slices.Contains(h.Versions, resp.TLS.Version) {
				t.Errorf("the hello is %+v, want what the client sent", *h)
			}
			if config.CipherSuites != nil && !slices.Equal(h.Suites, config.CipherSuites) {
				t.Errorf("offered the suites %x, want %x", h.Suites, config.CipherSuites)
			}
			if want := fingerprints(resp.TLS); len(want) == 0 || !slices.Equal(got.Chain, want) || got.Resumed {
				t.Errorf("the chain is %q, resumed %v; the client was shown %q", got.Chain, got.Resumed, want)
			}
		})
	}
}

// A resumed session carries no certificates, and in TLS 1.3 the server does not ask for one again.
func TestAResumedSessionStillHasItsChain(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(1), MaxVersion: version, NextProtos: []string{"h2"}}
		first, before := s.over(config).see("localhost")
		resp, got := s.over(config).see("localhost")
		name := tls.VersionName(version)
		if first.TLS.DidResume || !resp.TLS.DidResume {
			t.Fatalf("%s: the client resumed nothing, so this shows nothing", name)
		}
		if want := fingerprints(first.TLS); before.Resumed || !got.Resumed || len(want) != 2 || !slices.Equal(before.Chain, want) || !slices.Equal(got.Chain, want) {
			t.Errorf("%s: first %v %q, then %v %q; the client was shown %q", name, before.Resumed, before.Chain, got.Resumed, got.Chain, want)
		}
	}
}

// Otherwise a client that sends nothing more would make the server keep 1.8 MB for each of its connections.
func TestAHugeHelloIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	protocols := func(n int) []string { return append(strings.Split(strings.Repeat("x", n), ""), "http/1.1") }
	if resp, got := s.over(&tls.Config{NextProtos: protocols(100)}).see("shop.test"); resp.StatusCode != 200 || got.Hello == nil {
		t.Errorf("a hello with a hundred protocols got %d %+v", resp.StatusCode, got)
	}
	for _, n := range []int{1000, 30_000} { // too much once parsed, and too long
		conn, err := tls.Dial("tcp", s.https, &tls.Config{InsecureSkipVerify: true, ServerName: "shop.test", NextProtos: protocols(n)})
		if err == nil {
			conn.Close()
			t.Errorf("a hello with %d protocols is answered", n)
		}
	}
	conn, err := net.Dial("tcp", s.https)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begin := time.Now()
	conn.Write(append([]byte("\x16\x03\x01\x40\x00\x01\x00\xf0\x00"), make([]byte, 16<<10)...)) // of 60 KB
	conn.SetReadDeadline(begin.Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) > 3*time.Second {
		t.Errorf("the server waited %s for the rest of a long hello: %v", time.Since(begin), err)
	}
	if resp, _ := s.over(&tls.Config{}).see("shop.test"); resp.StatusCode != 200 {
		t.Errorf("then a visitor got %d", resp.StatusCode)
	}
}

// Requests on one connection share its handshake. The race detector checks the access.
func TestManyRequestsReadOneHandshake(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	cache := tls.NewLRUClientSessionCache(1)
	for range 2 { // the second session is resumed
		transport := s.client.Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.ClientSessionCache = cache
		client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				resp, err := client.Get("https://localhost/seen")
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				var got command.Seen
				if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Hello == nil || len(got.Chain) != 2 {
					t.Errorf("%v: %+v", err, got)
				}
			})
		}
		wg.Wait()
		transport.CloseIdleConnections()
	}
}

// Two connections with different hellos, each asked twice in turn, must not be confused.
func TestEachConnectionHasItsOwnHandshake(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	clients := map[tls.CurveID]*site{}
	for _, group := range []tls.CurveID{tls.CurveP256, tls.CurveP521} {
		clients[group] = s.over(&tls.Config{NextProtos: []string{"h2"}, CurvePreferences: []tls.CurveID{group}})
	}
	for range 2 {
		for group, client := range clients {
			if resp, got := client.see("shop.test"); resp.TLS.CurveID != group || got.Hello == nil || !slices.Equal(got.Hello.Groups, []tls.CurveID{group}) {
				t.Errorf("the connection of %s is told of %+v", group, got.Hello)
			}
		}
	}
}

// A renewal changes what the next connection is shown, not what an open connection was shown.
func TestAConnectionRemembersTheCertificateItWasShown(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	ask := func(client *site) (told string, shown string) {
		resp, got := client.see("shop.test")
		if len(got.Chain) == 0 {
			t.Fatalf("no chain: %+v", got)
		}
		return got.Chain[0], fingerprints(resp.TLS)[0]
	}
	fresh := func() *site {
		s.roots().AppendCertsFromPEM(s.root())
		return s.over(&tls.Config{NextProtos: []string{"h2"}})
	}
	old := fresh()
	first, shown := ask(old)
	if first != shown {
		t.Fatalf("told %s, shown %s", first, shown)
	}
	testcert.Write(t, filepath.Join(s.dir, "certs"), "shop.test", "www.shop.test", "127.0.0.1")
	s.Reload()
	eventually(t, "the new certificate", func() bool {
		told, shown := ask(fresh())
		if told != shown {
			t.Errorf("a connection was shown %s, and is told %s", shown, told)
		}
		return told != first
	})
	if told, _ := ask(old); told != first {
		t.Errorf("the first connection is told %s, and was shown %s", told, first)
	}
}

// root returns the certificate of the CA that signed what start or issue installed last.
func (s *site) root() []byte {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "certs", "ca.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}
