package command

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware"
)

const bodyLimit = 1 << 20 // bytes; routes that need more say so in kit.Site.BodyLimits

// probes are asked by load balancers: by address, without TLS, every few seconds.
var probes = []string{"/healthz", "/readyz"}

// newRouter is the whole of what happens to a request, from top to bottom.
func newRouter(cfg config, hosts *middleware.HostSet, files fs.FS, live bool, ports ports, routes func(*gin.Engine) error, log *slog.Logger) (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	// gin's defaults are for a server behind a proxy; this one faces the internet.
	r.HandleMethodNotAllowed = true // 405 with Allow, not 404
	r.RedirectTrailingSlash = false // that redirect would skip every middleware
	r.RedirectFixedPath = false     // as would this one
	r.ContextWithFallback = true    // c is a context that ends with the request
	r.RemoteIPHeaders = []string{cfg.clientIPHeader}
	trusted := []string{}
	for _, p := range cfg.trustedProxies {
		trusted = append(trusted, p.String())
	}
	if err := r.SetTrustedProxies(trusted); err != nil { // gin's own default is to trust everybody
		return nil, err
	}
	assets, err := newAssets(files, live)
	if err != nil {
		return nil, err
	}
	if r.HTMLRender, err = newRenderer(files, assets, live); err != nil {
		return nil, err
	}

	h := &hints{cfg: cfg, log: log}
	// In production strangers send any host, and the answer must not tell them the owner's settings.
	refusedHost := pick[func(string) string](cfg.prod, nil, h.refusedHost)
	r.Use(
		middleware.Forwarded(middleware.Forwarding{ // first: it removes the headers that no trusted proxy sent
			Trusted: cfg.trustedProxies, ClientHeader: http.CanonicalHeaderKey(cfg.clientIPHeader),
			TLSEnds: cfg.httpsAddr != "", TLSProves: cfg.clientCAFile != "", Doubt: h.doubt,
		}),
		middleware.RequestID(),
		middleware.AccessLog(log, cfg.dev.quiet(probes)...),
		middleware.HSTS(cfg.hsts), // before anything that can answer
		middleware.Secure(),
		middleware.Errors(log, !cfg.prod), // what is below answers errors through here
		middleware.Hosts(hosts, probes, refusedHost),
		middleware.HTTPS(middleware.Redirect{
			Status:    pick(cfg.prod, http.StatusPermanentRedirect, http.StatusTemporaryRedirect),
			PlainPort: ports.http, TLSPort: ports.https,
			Except: probes, Unknown: h.unknownScheme,
		}),
		middleware.CORS(cfg.corsOrigins, h.refusedOrigin),
		middleware.SameOrigin(cfg.corsOrigins...),
		middleware.MediaTypes(cfg.bodies.types),
		middleware.BodyLimit(bodyLimit, cfg.bodies.limits),
	)
	r.NoRoute(middleware.NotFound)
	r.NoMethod(middleware.MethodNotAllowed)
	r.GET("/static/*file", assets.serve)
	cfg.dev.mount(r)
	if err := register(r, routes); err != nil {
		return nil, err
	}
	if faults := cfg.bodies.unmatched(r.Routes()); len(faults) > 0 {
		return nil, faultList(faults)
	}
	return middleware.Target(middleware.Head(r)), nil
}

// register turns gin's panic about two routes that clash into an error that says where to look.
func register(r *gin.Engine, routes func(*gin.Engine) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("handlers/routes.go: %v", v)
		}
	}()
	return routes(r)
}
