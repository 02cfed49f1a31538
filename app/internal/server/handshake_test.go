package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// A source may return its own configuration for some ClientHellos. The server must use it.
func TestSourcesConfigForClientIsUsed(t *testing.T) {
	t.Parallel()
	pair := selfSigned(t)
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }
	config := watchHandshakes(&tls.Config{
		GetCertificate: get, NextProtos: []string{"h2", "special"},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if slices.Contains(hello.SupportedProtos, "special") {
				return &tls.Config{GetCertificate: get, NextProtos: []string{"special"}, MaxVersion: tls.VersionTLS12}, nil
			}
			return nil, nil
		},
	})
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { conn.(*tls.Conn).Handshake(); conn.Close() }()
		}
	}()
	for proto, version := range map[string]uint16{"special": tls.VersionTLS12, "h2": tls.VersionTLS13} {
		conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{proto}})
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState(); got.NegotiatedProtocol != proto || got.Version != version {
			t.Errorf("%s got %s over %s, want %s", proto, got.NegotiatedProtocol, tls.VersionName(got.Version), tls.VersionName(version))
		}
		conn.Close()
	}
}

// kit.Server is safe for concurrent use, so handlers may ask for handshakes too. That is too late to keep any, and it
// must change nothing that the listeners read. The race detector sees it if it does.
func TestAHandlerMayAskForHandshakesThatAreNotKept(t *testing.T) {
	t.Parallel()
	s := openServer(t, func(r *gin.Engine, server kit.Server) error {
		r.GET("/late", func(c *gin.Context) {
			if server.Handshakes()(c.Request) != nil {
				c.Status(http.StatusInternalServerError)
			}
		})
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx, nil) }()
	var visitors sync.WaitGroup
	for range 8 {
		visitors.Go(func() {
			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "shop.test"}}
			defer transport.CloseIdleConnections()
			req, err := http.NewRequest("GET", "https://"+s.Ports.HTTPS.Addresses()+"/late", nil)
			if err != nil {
				t.Error(err)
				return
			}
			req.Host = "shop.test"
			resp, err := (&http.Client{Transport: transport}).Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("got %s, want no handshake", resp.Status)
			}
		})
	}
	visitors.Wait()
	if s.keepsHandshakes {
		t.Error("the server keeps handshakes that no route asked for before it served")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A port can have several sockets, such as one for IPv4 and one for IPv6. Visitors come back by either.
func TestASessionResumesOnEverySocketOfAPort(t *testing.T) {
	t.Parallel()
	for name, keeps := range map[string]bool{"handshakes are kept": true, "handshakes are not kept": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openServer(t, func(r *gin.Engine, server kit.Server) error {
				if keeps {
					server.Handshakes()
				}
				r.GET("/healthz", kit.Healthz)
				return nil
			})
			second, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s.Ports.HTTPS.Listeners = append(s.Ports.HTTPS.Listeners, second)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- s.Run(ctx, nil) }()
			config := &tls.Config{InsecureSkipVerify: true, ServerName: "shop.test", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
			for i, ln := range s.Ports.HTTPS.Listeners {
				state := visit(t, ln.Addr(), config)
				if state.NegotiatedProtocol != "h2" || state.DidResume != (i > 0) {
					t.Errorf("visit %d speaks %q and is resumed: %v", i+1, state.NegotiatedProtocol, state.DidResume)
				}
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// visit makes one request on a connection of its own.
func visit(t *testing.T, addr net.Addr, config *tls.Config) *tls.ConnectionState {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("https://" + addr.String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.TLS
}
