package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

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
