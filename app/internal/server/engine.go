package server

import (
	"fmt"
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

const bodyLimit = 1 << 20 // bytes, but for the routes in kit.Site.BodyLimits

// probes are asked by load balancers: by address, without TLS, every few seconds.
var probes = []string{"/healthz", "/readyz"}

// newEngine returns gin with the chain, the site's pages and its routes.
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

// newGin returns gin set up for a server that faces the internet. Its defaults are for one behind a proxy.
func newGin(cfg settings.Settings) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true // 405 with Allow, not 404
	r.RedirectTrailingSlash = false // that redirect would skip every middleware
	r.RedirectFixedPath = false     // as would this one
	r.ContextWithFallback = true    // c is a context that ends with the request
	r.RemoteIPHeaders = []string{cfg.ClientIPHeader}
	trusted := []string{}
	for _, p := range cfg.TrustedProxies {
		trusted = append(trusted, p.String())
	}
	return r, r.SetTrustedProxies(trusted) // gin's own default is to trust every client
}

// chain is what happens to every request before its handler.
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
		OnUnknownScheme: h.unknownScheme, OnRefusedOrigin: h.refusedOrigin,
	}
	if s.Dev != nil {
		options.Quiet = dev.QuietPaths()
	}
	if !cfg.Prod { // in production strangers send any host, and the response must not tell them the owner's settings
		options.OnRefusedHost = h.refusedHost
	}
	return middleware.Chain(options)
}

// register calls the site's Routes. gin panics about two routes that clash, which becomes an error that says where to look.
func (s *Server) register(r *gin.Engine) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("handlers/routes.go: %v", v)
		}
	}()
	return s.Site.Routes(r, s)
}

// overlay is what `make dev` shows in pages, or nil.
func (s *Server) overlay() *dev.Overlay {
	if s.Dev == nil {
		return nil
	}
	return s.Dev.Overlay
}

// files are those of the folder web of the working directory in development, to be read at each request (live). In production, and
// where there is no such folder, they are those built into the binary.
func (s *Server) files() (files fs.FS, live bool) {
	if s.Settings.Prod {
		return s.Site.Files, false
	}
	disk := os.DirFS("web")
	if info, err := fs.Stat(disk, "templates"); err == nil && info.IsDir() {
		return disk, true
	}
	s.Log.Info("there is no folder web here: pages come from the binary, and edits do not show")
	return s.Site.Files, false
}
