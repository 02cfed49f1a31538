package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/tlsconfig"
)

// A shutdown waits only for connections that have had no request yet. If it waited for the others, it would last until
// every client has disconnected.
func TestAnsweredConnectionDoesNotDelayShutdown(t *testing.T) {
	t.Parallel()
	s := openServer(t, func(r *gin.Engine, server kit.Server) error {
		r.GET("/healthz", kit.Healthz)
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx, nil) }()
	for _, protocol := range []string{"h2", "http/1.1", "plain"} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "shop.test", NextProtos: []string{protocol}}, ForceAttemptHTTP2: protocol == "h2"}
		defer transport.CloseIdleConnections() // keeps connections open until the test ends
		addr := "https://" + s.Ports.HTTPS.Addresses()
		if protocol == "plain" {
			addr = "http://" + s.Ports.HTTP.Addresses()
		}
		resp, err := (&http.Client{Transport: transport}).Get(addr + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if n := s.conns.pending.Load(); n != 0 {
			t.Errorf("after an answer over %s (%s), %d connections count as not heard", protocol, resp.Proto, n)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// openServer is a production server for shop.test, with open ports and these routes.
func openServer(t *testing.T, routes func(*gin.Engine, kit.Server) error) *Server {
	t.Helper()
	return openServerOn(t, nil, routes)
}

// openServerOn is openServer with a socket of the parent process for plain http, or nil.
func openServerOn(t *testing.T, plain net.Listener, routes func(*gin.Engine, kit.Server) error) *Server {
	t.Helper()
	cfg := settings.Settings{Prod: true, Mode: tlsconfig.Files, HTTPSAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", ShutdownGrace: time.Second,
		ClientIPHeader: "X-Forwarded-For"}
	set := ports.New(cfg)
	if plain != nil {
		set.HTTP.Listeners, set.HTTP.Inherited = []net.Listener{plain}, true
	}
	if _, faults := set.Open(); len(faults) > 0 {
		t.Fatal(faults)
	}
	t.Cleanup(set.Close)
	site := kit.Site{Files: fstest.MapFS{"static/a.txt": {}, "templates/a.html": {}}, Routes: routes}
	s, err := New(Options{Settings: cfg, Site: site, Ports: set, Source: fixedSource{selfSigned(t)}, Hosts: []string{"shop.test"},
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fixedSource is a certificate source whose one certificate never changes.
type fixedSource struct{ cert tls.Certificate }

func (f fixedSource) TLSConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{f.cert}, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &f.cert, nil }}
}
func (fixedSource) HTTPHandler(next http.Handler) http.Handler { return next }
func (fixedSource) Run(ctx context.Context) error              { <-ctx.Done(); return nil }
func (fixedSource) Reload()                                    {}
func (fixedSource) Secret(context.Context) []byte              { return nil }
func (fixedSource) Status() []tlsconfig.Status                 { return nil }

// selfSigned returns a certificate for shop.test.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"shop.test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestASiteWithoutRoutesOrFilesDoesNotStart(t *testing.T) {
	t.Parallel()
	whole := kit.Site{Files: fstest.MapFS{}, Routes: func(*gin.Engine, kit.Server) error { return nil }}
	for name, lack := range map[string]func(*kit.Site){
		"Routes": func(s *kit.Site) { s.Routes = nil }, "Files": func(s *kit.Site) { s.Files = nil },
	} {
		site := whole
		lack(&site)
		if _, err := New(Options{Site: site}); err == nil || !strings.Contains(err.Error(), name+" in handlers/site.go") {
			t.Errorf("without %s: got %v, want what to set where", name, err)
		}
	}
}
