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
