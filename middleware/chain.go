// Package middleware has the handlers that every request passes before it reaches one of the site: one concern a file,
// each a gin.HandlerFunc. It imports nothing of the application, so a newer version can replace it whole.
//
// # What it adds to gin
//
// gin's own defaults are for a server behind a proxy. A server that faces the internet also needs to
//
//   - believe X-Forwarded-For and X-Forwarded-Proto from its own proxies only,
//   - give each request an id and a line in the log,
//   - send the headers that isolate a page from other sites,
//   - answer every error, panic, 404 and 405 the same way, and cut a response that breaks midway,
//   - refuse hosts that it does not serve, and send plain HTTP to HTTPS,
//   - refuse cross-site requests, except from chosen origins,
//   - refuse bodies that are too large, or of a type whose parser the client should not choose.
//
// # The order
//
// Chain has the whole order on one page, with the reason beside each line, and Options has its settings:
//
//	r := gin.New()
//	r.SetTrustedProxies(nil)        // gin trusts every peer otherwise
//	r.HandleMethodNotAllowed = true // else MethodNotAllowed is never called
//	r.RedirectTrailingSlash = false // gin's redirects skip all middleware
//	r.Use(middleware.Chain(middleware.Options{
//		Proxies: proxyheader.Policy{TLSEnds: true},
//		Hosts:   host.NewSet([]string{"shop.example.com"}),
//		HSTS:    "max-age=31536000",
//		TLSPort: 443, PlainPort: 80, // the server listens on both
//	})...)
//	r.NoRoute(middleware.NotFound)
//	r.NoMethod(middleware.MethodNotAllowed)
//	r.POST("/login", middleware.RateLimit(5, time.Minute), login)
//	http.Serve(listener, middleware.Target(middleware.Head(r)))
//
// # The exceptions
//
// Target and Head wrap the engine, since gin chooses the route before any middleware runs. NotFound and
// MethodNotAllowed are for its NoRoute and NoMethod. CSP and RateLimit are for single routes and groups. The probes
// of load balancers are answered under any host and without TLS.
//
// # The packages below
//
// Package host normalises host names, proxyheader reads the headers of proxies, input tells the client's faults from
// the server's, and loglimit bounds what clients can write into the log. input/ginpatch.go is the one file that
// changes gin itself.
package middleware

import (
	"cmp"
	"log/slog"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/host"
	"example.com/turnkey/middleware/input"
	"example.com/turnkey/middleware/proxyheader"
)

// Options are the settings of Chain. The zero value is usable: it trusts no proxy, answers for every host, sends no
// HSTS, lets no other origin in, and takes JSON and forms of up to 1 MiB.
type Options struct {
	// Log gets a line for each request and for each failure. Nil: slog.Default().
	Log *slog.Logger
	// Development shows browsers on this machine where in the sources an error was made, and keeps browsers from
	// storing the redirect to HTTPS.
	Development bool

	// Proxies says which proxies are believed. The engine's SetTrustedProxies and RemoteIPHeaders have to agree with
	// it.
	Proxies proxyheader.Policy
	// Hosts has the names that the site answers for. Nil, or without names: every host.
	Hosts *host.Set
	// Probes are paths that load balancers ask for: by address, without TLS, every few seconds. They are answered
	// under any host and over plain HTTP, and logged at level debug.
	Probes []string
	// ErrorPages says how pages of errors are made.
	ErrorPages ErrorPages
	// Quiet are further paths that are logged at level debug.
	Quiet []string

	// HSTS is the value of Strict-Transport-Security. Empty: the header is not sent.
	HSTS string
	// PlainPort and TLSPort are the ports that the server listens on. A client that connected to PlainPort under its own
	// number is redirected to TLSPort. A client that used another number came through a mapping of ports, and is sent to
	// 443. A TLSPort of 0 means that a proxy has it: 443.
	PlainPort, TLSPort int

	// Origins are those of other sites whose scripts may read responses and send requests with the visitor's cookies,
	// as browsers write them: "https://app.example.com".
	Origins []string

	// MediaTypes has the types of body that a route takes in addition to JSON and forms, by the route's pattern.
	MediaTypes map[string][]string
	// BodyLimits are the largest bodies that single routes read, in bytes, by pattern. All others read 1 MiB.
	BodyLimits map[string]int64

	// Words returns what is wrong with a field in other words than the English ones. It may be nil.
	Words input.Words

	// OnUnknownScheme is called for a request if neither the connection nor a proxy tells the scheme. It is not called
	// for Probes, which many platforms send without their proxy. It may be nil.
	OnUnknownScheme func(*http.Request)
	// OnRefusedHost is called with a host that is not in Hosts. It returns the text of the response, or "" for the
	// usual one. It may be nil.
	OnRefusedHost func(host string) string
	// OnRefusedOrigin is called for a preflight whose origin is not in Origins and which no route answers. It returns
	// the text of the response, or "" for the usual one. It may be nil.
	OnRefusedOrigin func(r *http.Request, origin string) string
}

// Chain returns what every request passes, in order. It also calls input.PatchGin, which changes gin for the whole
// process: without it, errors about a request's input cannot be told from the server's own.
func Chain(o Options) []gin.HandlerFunc {
	input.PatchGin()
	log := cmp.Or(o.Log, slog.Default())
	return []gin.HandlerFunc{
		// First, since everything below believes the proxy headers that it leaves and the scheme that it sets.
		forwarded(o.Proxies),
		// Before anything that logs, so that each line has the request's id.
		requestID(),
		// Before anything that responds, so that each request leaves a line, with the status that the client got.
		accessLog(log, slices.Concat(o.Probes, o.Quiet)...),
		// Before anything that responds, so that refusals, redirects and errors carry these headers too. A handler
		// can replace one, since it runs later.
		hsts(o.HSTS),
		securityHeaders(),
		// Before anything that fails: it answers the errors and panics of all that follow.
		failures(log, o.Development, o.ErrorPages),
		// Before the redirect, which repeats the request's host: it must not repeat a forged one.
		hosts(o.Hosts, o.Probes, o.OnRefusedHost),
		// Before anything that acts on the request, since plain HTTP can be read and changed on its way.
		redirectToHTTPS(o),
		// Before anything below that refuses, so that a page of an allowed origin can read why.
		cors(o.Origins, o.OnRefusedOrigin),
		// Before anything that looks at the body: the body of a forged request is not read.
		sameOrigin(o.Origins),
		// Before the body is wrapped: a type that the route does not take is refused before a byte is read.
		mediaTypes(o.MediaTypes),
		// Before the handler, whose kit.Bind looks for the words.
		input.Speak(o.Words),
		// Last, since it wraps the body for the handler.
		limitBody(o.BodyLimits),
	}
}
