package server

import (
	"bytes"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/render"

	"example.com/turnkey/app/internal/dev"
	"example.com/turnkey/app/internal/pages"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/middleware"
	"example.com/turnkey/middleware/proxyheader"
)

// probes are the paths that load balancers ask for every few seconds. They ask by address and without TLS, so the chain
// answers these paths for every host and without a redirect.
var probes = []string{"/healthz", "/readyz"}

// routesTime is how long Routes may take before the log says so.
const routesTime = 5 * time.Second

// newEngine returns the handler of the site: gin with the chain, the site's pages and its routes.
func (s *Server) newEngine() (http.Handler, error) {
	r, err := newGin(s.Settings)
	if err != nil {
		return nil, err
	}
	overlay := s.overlay()
	files, live := s.files()
	options := pageOptions(s.Site, files, live)
	if overlay != nil {
		options.Overlay = overlay.Begin
	}
	site, err := pages.New(options)
	if err != nil {
		return nil, asFaults(err)
	}
	s.logFiles(files, site)
	s.pages = site
	r.HTMLRender = site.Renderer()
	r.Use(s.chain()...)
	r.Use(site.ServeRoot)
	r.NoRoute(middleware.NotFound)
	r.NoMethod(middleware.MethodNotAllowed)
	r.GET("/static/*file", s.serveStatic)
	if overlay != nil {
		overlay.Mount(r, site.Check, s.stopping)
	}
	if err := s.register(r); err != nil {
		return nil, err
	}
	faults := append(undone(r, site.Renderer()), unmatchedBodies(s.Site, r.Routes())...)
	faults = append(faults, settingsFaults(site.RootClashes(r.Routes()))...)
	if faults = append(faults, s.repeatedFaults()...); len(faults) > 0 {
		return nil, faults
	}
	return middleware.Target(middleware.Head(r)), nil
}

// undone returns a fault for each thing that Routes did to gin and that the site cannot do without.
func undone(r *gin.Engine, renderer render.HTMLRender) (faults settings.Faults) {
	fault := func(problem, fix string) {
		faults = append(faults, settings.Fault{Setting: "Routes", Problem: problem, Fix: fix})
	}
	if r.HTMLRender != renderer {
		fault("replaces the pages of the site, error pages among them, by LoadHTMLGlob, SetHTMLTemplate or HTMLRender",
			"remove that call, and put the templates into web/templates")
	}
	if r.RedirectTrailingSlash || r.RedirectFixedPath {
		fault("sets RedirectTrailingSlash or RedirectFixedPath, and these redirects pass no middleware: they have no HSTS",
			"remove that line, and register /orders and /orders/ both where both are wanted")
	}
	return faults
}

// newGin returns gin set up for a server that faces the internet. gin's defaults suit a server behind a proxy.
func newGin(cfg settings.Settings) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true // 405 with Allow, where gin would answer 404
	r.RedirectTrailingSlash = false // gin's redirect would skip every middleware
	r.RedirectFixedPath = false     // as this redirect would
	r.UseRawPath = true             // so that %2F in a path is part of a parameter; middleware.Target prepares it
	r.ContextWithFallback = true    // as a context, c ends with the request
	r.RemoteIPHeaders = []string{cfg.ClientIPHeader}
	trusted := []string{}
	for _, p := range cfg.TrustedProxies {
		trusted = append(trusted, p.String())
	}
	return r, r.SetTrustedProxies(trusted) // gin's default is to trust every client
}

// chain returns the middleware that runs for every request before its handler.
func (s *Server) chain() []gin.HandlerFunc {
	cfg := s.Settings
	h := &hints{settings: cfg, servesTLS: s.Ports.HTTPS.Addr != "", log: s.Log}
	options := middleware.Options{
		Log: s.Log, Development: !cfg.Prod,
		Proxies: proxyheader.Policy{
			Trusted: cfg.TrustedProxies, ClientHeader: http.CanonicalHeaderKey(cfg.ClientIPHeader),
			TLSEnds: h.servesTLS, TLSProves: cfg.ClientCAFile != "", OnDoubt: h.doubt,
			Unnamed: isUnnamed,
		},
		Hosts: s.hosts, Probes: probes,
		HSTS: cfg.HSTS, PlainPort: s.Ports.HTTP.Number(), TLSPort: s.Ports.HTTPS.Number(),
		Origins: cfg.CORSOrigins, MediaTypes: s.Site.BodyTypes, BodyLimits: s.Site.BodyLimits,
		Words:           s.Site.Words,
		OnUnknownScheme: h.unknownScheme, OnRefusedOrigin: h.refusedOrigin,
	}
	options.ErrorPages.Value = s.Site.ErrorPage
	if overlay := s.overlay(); overlay != nil {
		options.Quiet = dev.QuietPaths()
		options.ErrorPages.Inject = func(page *bytes.Buffer) { overlay.Begin()(page) }
	}
	if !cfg.Prod { // in production the response must not tell visitors what the settings are
		options.OnRefusedHost = h.refusedHost
	}
	return middleware.Chain(options)
}

// register calls the site's Routes. A panic there, such as gin's for two routes that clash, becomes an error that names
// the line. Nothing is served before Routes returns, so a Routes that takes long is logged.
func (s *Server) register(r *gin.Engine) (err error) {
	defer time.AfterFunc(routesTime, func() {
		s.Log.Warn("Routes has not returned, and nothing is served before it does: it must not call r.Run, and what it "+
			"opens needs a timeout", "after", routesTime)
	}).Stop()
	defer func() {
		if v := recover(); v != nil {
			err = routesPanic(r, v)
		}
	}()
	return s.Site.Routes(r, s)
}

// overlay returns nil if `make dev` did not start this process.
func (s *Server) overlay() *dev.Overlay {
	if s.Dev == nil {
		return nil
	}
	return s.Dev.Overlay
}
