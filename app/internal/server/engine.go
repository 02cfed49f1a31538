package server

import (
	"io/fs"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/dev"
	"example.com/turnkey/app/internal/pages"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/middleware"
	"example.com/turnkey/middleware/proxyheader"
)

const bodyLimit = 1 << 20 // bytes, except on the routes in kit.Site.BodyLimits

// probes are the paths that load balancers ask for every few seconds. They ask by address and without TLS, so the chain
// answers these paths for every host and without a redirect.
var probes = []string{"/healthz", "/readyz"}

// newEngine returns the handler of the site: gin with the chain, the site's pages and its routes.
func (s *Server) newEngine() (http.Handler, error) {
	r, err := newGin(s.Settings)
	if err != nil {
		return nil, err
	}
	overlay := s.overlay()
	files, live := s.files()
	options := pages.Options{Files: files, Live: live, Functions: s.Site.Functions}
	if overlay != nil {
		options.Overlay = overlay
	}
	site, err := pages.New(options)
	if err != nil {
		return nil, err
	}
	r.HTMLRender = site.Renderer()
	r.Use(s.chain()...)
	r.NoRoute(middleware.NotFound)
	r.NoMethod(middleware.MethodNotAllowed)
	r.GET("/static/*file", site.ServeStatic)
	if overlay != nil {
		overlay.Mount(r, site.Check, s.stopping)
	}
	if err := s.register(r); err != nil {
		return nil, err
	}
	if faults := unmatchedBodies(s.Site, r.Routes()); len(faults) > 0 {
		return nil, faults
	}
	return middleware.Target(middleware.Head(r)), nil
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
		},
		Hosts: s.hosts, Probes: probes,
		HSTS: cfg.HSTS, PlainPort: s.Ports.HTTP.Number(), TLSPort: s.Ports.HTTPS.Number(),
		Origins: cfg.CORSOrigins, MediaTypes: s.Site.BodyTypes, BodyLimit: bodyLimit, BodyLimits: s.Site.BodyLimits,
		Words:           s.Site.Words,
		OnUnknownScheme: h.unknownScheme, OnRefusedOrigin: h.refusedOrigin,
	}
	if s.Dev != nil {
		options.Quiet = dev.QuietPaths()
	}
	if !cfg.Prod { // in production the response must not tell a stranger what the settings are
		options.OnRefusedHost = h.refusedHost
	}
	return middleware.Chain(options)
}

// register calls the site's Routes. A panic there, such as gin's for two routes that clash, becomes an error that names
// the line.
func (s *Server) register(r *gin.Engine) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = routesPanic(r, v)
		}
	}()
	return s.Site.Routes(r, s)
}

// overlay returns what `make dev` shows in pages, or nil if it did not start this process.
func (s *Server) overlay() *dev.Overlay {
	if s.Dev == nil {
		return nil
	}
	return s.Dev.Overlay
}

// files returns the site's templates and static files. In development they are the folder web of the working directory,
// and live is true: they are read again at each request. In production, and without such a folder, they are those built
// into the binary.
func (s *Server) files() (files fs.FS, live bool) {
	if s.Settings.Prod {
		return s.Site.Files, false
	}
	disk := os.DirFS("web")
	if info, err := fs.Stat(disk, "templates"); err == nil && info.IsDir() {
		return disk, true
	}
	s.Log.Info("no folder web/templates in the working directory: pages come from the binary, so edits do not show; " +
		"start in the project's folder to see them")
	return s.Site.Files, false
}
