package kit

import (
	"crypto/tls"
	"net/http"
)

// Server is what handlers can ask of the server that runs them. Its methods are safe for concurrent use.
type Server interface {
	// Ready returns why a load balancer should send no visitor here now, or nil.
	Ready() error

	// Stopping returns a channel that is closed when the server is about to stop. Handlers of responses without an end,
	// such as event streams, have to return then.
	Stopping() <-chan struct{}

	// TLSMode returns the setting TLS_MODE: local, acme, files or proxy.
	TLSMode() string

	// Handshakes returns a function that tells how the TLS connection of a request began. Call it in Routes: the server
	// keeps handshakes only if it was called before the server begins to serve. The function returns nil if TLS does
	// not end in this server, and for a ClientHello that is too large to be kept.
	Handshakes() func(*http.Request) *Handshake
}

// Handshake is what client and server said when a connection was made. All requests on the connection share it, so
// handlers must not change it.
type Handshake struct {
	Hello       *tls.ClientHelloInfo // what the client offered
	Certificate *tls.Certificate     // chosen for this client; a resumed session does not send it again
}
