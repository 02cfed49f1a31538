package handlers

import (
	"crypto/tls"
	"net/http"
)

// Site is what the program around the handlers knows, and they may ask. All of it is safe for concurrent use.
type Site struct {
	// Ready says why no visitor should be sent here, if so.
	Ready func() error
	// Stopping is closed when the server is about to stop: answers without an end finish then.
	Stopping <-chan struct{}
	// TLSMode is where certificates come from: local, acme, files or proxy.
	TLSMode string
	// Handshake is how the TLS connection of a request began; nil when TLS does not end here, or the client's hello was
	// too large to be remembered.
	Handshake func(*http.Request) *Handshake
}

// Handshake is what both sides said when a connection was made. It is shared by all requests on the connection: read
// it, change nothing.
type Handshake struct {
	Hello       *tls.ClientHelloInfo // what the client offered
	Certificate *tls.Certificate     // what the server would show it; in a resumed session it did not have to
}
