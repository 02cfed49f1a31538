package kit

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// Server is what handlers can ask of the server that runs them. Its methods are safe for concurrent use.
type Server interface {
	Program

	// Ready returns why a load balancer should send no visitor here now, or nil.
	Ready() error

	// Stopping returns a channel that is closed when the server is about to stop. Handlers of responses without an end,
	// such as event streams, have to return then.
	Stopping() <-chan struct{}

	// TLSMode returns the setting TLS_MODE: local, acme, files or proxy.
	TLSMode() string

	// SinglePage returns the handler of a front end that Vite builds from web/folder into web/static/folder. It answers
	// GET of a path without an extension, by a client that accepts text/html, with the front end's index.html. A path
	// with an extension is a file of web/static/folder. All else is a 404, and so is everything below /api/. Under make
	// dev, Vite's development server answers in its place.
	//
	// Call it in Routes: r.NoRoute(server.SinglePage("app")). A front end that is not built is logged as an error at
	// the start, and answered 503.
	SinglePage(folder string) gin.HandlerFunc

	// Handshakes returns a function that returns the TLS handshake of a request's connection, or nil if a proxy
	// decrypts. Call Handshakes in Routes: the server remembers handshakes only if it was called before the server
	// begins to serve.
	Handshakes() func(*http.Request) *Handshake

	// OnStop registers f, which closes what the site has opened. The functions are called one after another, the last
	// registered first, after the last request has ended and every job has returned, or SHUTDOWN_GRACE is over. They
	// are also called if Routes returns an error or panics, or if the server does not start.
	//
	// ctx ends 5 s after the grace. A function that has not returned then is logged and left alone. The others still
	// run. Errors and panics are logged. A handler may call OnStop too. If f is registered while these functions run,
	// it is called next. If all have run, it is called at once.
	OnStop(f func(ctx context.Context) error)

	// Go runs a job beside the requests. f is called in a new goroutine once the server accepts connections. Under
	// make dev it is called once the process before this one has ended, so that a job never runs twice at once. Two
	// processes of a deployment may overlap. A job of a server that does not start is never called. A handler may call
	// Go too: the job begins at once.
	//
	// ctx ends when the server begins to stop. The stop waits for f within SHUTDOWN_GRACE, then logs its name and goes
	// on. A job that a request starts during the stop begins with an ended ctx and is waited for as well. The name is
	// for the log alone.
	//
	// An error or a panic is logged at level error, and ends the job, not the process. The error of a ctx that has
	// ended is not logged: the job was stopped.
	Go(name string, f func(ctx context.Context) error)

	// Once runs a job repeatedly. Of the servers that share a Redis or Valkey server in ACME_CACHE, or of the processes
	// that share a directory there, one makes each call. f is called at the first start, and then once in every period,
	// counted from the start of the last call. A restart does not begin the period again, because ACME_CACHE keeps the
	// time.
	//
	// f is called at most once in a period: if it fails, or its server dies, the next call is in the next period. A
	// call that takes longer than the period delays the next. While ACME_CACHE does not answer, f is not called, and
	// the log says so. A directory on a file system without locks stops the start.
	//
	// ctx ends as in Go, and also if ACME_CACHE has not answered for half a minute, because another server may then
	// begin the job. Errors and panics are logged as in Go. The name identifies the job among the servers. Once panics
	// for an empty name, for one that has a job already, and for a period that is not above zero.
	Once(name string, period time.Duration, f func(ctx context.Context) error)
}

// Handshake is what client and server sent in a TLS handshake. All requests on the connection share it, so handlers
// must not change it.
type Handshake struct {
	Hello       *tls.ClientHelloInfo // what the client offered
	Certificate *tls.Certificate     // chosen for this client; a resumed session does not send it again
}
