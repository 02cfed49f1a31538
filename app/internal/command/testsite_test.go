package command

import (
	"crypto/sha256"
	"crypto/tls"
	"embed"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/logs"
	"example.com/turnkey/app/internal/server"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/tlsconfig"
)

//go:embed testdata/web
var testdata embed.FS

// testSite is the site that tests of the program start. It has nothing of the owner's, so that they hold whatever the owner's
// routes, templates and files are.
func testSite() kit.Site {
	files, err := fs.Sub(testdata, "testdata/web")
	if err != nil {
		panic(err)
	}
	return kit.Site{Routes: testRoutes, Files: files}
}

// testRoutes are a page, what the server saw of a request, what the site was made with, and the probes.
func testRoutes(r *gin.Engine, server kit.Server) error {
	handshakeOf := server.Handshakes()
	r.GET("/", func(c *gin.Context) { c.HTML(http.StatusOK, "home", see(c.Request, handshakeOf, c.ClientIP())) })
	r.GET("/seen", func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		c.JSON(http.StatusOK, see(c.Request, handshakeOf, c.ClientIP()))
	})
	madeWith := os.Getenv("TURNKEY_TEST_DOTENV")
	r.GET("/made-with", func(c *gin.Context) { c.String(http.StatusOK, madeWith) })
	r.GET("/healthz", kit.Healthz)
	r.GET("/readyz", kit.Readyz(server.Ready))
	return nil
}

// seen is what the server saw of a request and of its connection.
type seen struct {
	Scheme      string   `json:"scheme"`
	Protocol    string   `json:"protocol"`
	Host        string   `json:"host"`
	Client      string   `json:"client"`
	TLS         string   `json:"tls"`
	Resumed     bool     `json:"resumed"`
	Hello       *hello   `json:"hello"`        // nil: not remembered
	Chain       []string `json:"chain"`        // SHA-256 of each certificate, as served
	ClientNamed string   `json:"client_named"` // common name of the client's certificate
}

// hello is what the client offered.
type hello struct {
	ServerName string
	Versions   []uint16
	Suites     []uint16
	Groups     []tls.CurveID
	ALPN       []string
}

func see(r *http.Request, handshakeOf func(*http.Request) *kit.Handshake, client string) seen {
	s := seen{Scheme: r.URL.Scheme, Protocol: r.Proto, Host: r.Host, Client: client}
	if r.TLS == nil {
		return s
	}
	s.TLS, s.Resumed = tls.VersionName(r.TLS.Version), r.TLS.DidResume
	if len(r.TLS.PeerCertificates) > 0 {
		s.ClientNamed = r.TLS.PeerCertificates[0].Subject.CommonName
	}
	handshake := handshakeOf(r)
	if handshake == nil {
		return s
	}
	h := handshake.Hello
	s.Hello = &hello{h.ServerName, h.SupportedVersions, h.CipherSuites, h.SupportedCurves, h.SupportedProtos}
	if handshake.Certificate != nil {
		for _, der := range handshake.Certificate.Certificate {
			sum := sha256.Sum256(der)
			s.Chain = append(s.Chain, hex.EncodeToString(sum[:]))
		}
	}
	return s
}

// lookupIn makes a lookup of a map.
func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := env[k]; return v, ok }
}

// handlerOf is a site's handler with all that happens to a request, without a port.
func handlerOf(tb testing.TB, env map[string]string, site kit.Site, out io.Writer) http.Handler {
	l := load(World{Lookup: lookupIn(env)})
	if len(l.faults) > 0 {
		tb.Fatal(l.faults)
	}
	source, err := tlsconfig.New(tlsconfig.Options{Mode: tlsconfig.Proxy})
	if err != nil {
		tb.Fatal(err)
	}
	s, err := server.New(server.Options{Settings: l.settings, Site: site, Ports: l.ports, Source: source, Hosts: l.hosts,
		Log: logs.New(out, l.settings.LogLevel, l.settings.LogJSON)})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// siteWith is testSite with more routes.
func siteWith(add func(*gin.Engine)) kit.Site {
	site := testSite()
	site.Routes = func(r *gin.Engine, server kit.Server) error {
		add(r)
		return testRoutes(r, server)
	}
	return site
}

// What the closed rooms fix, and these tests rely on.
const (
	maxBody       = 1 << 20               // bytes of a request's body
	maxHeader     = 64 << 10              // bytes of a request's header
	headerTimeout = 5 * time.Second       // to send a header, or to shake hands
	maxStreams    = 100                   // requests open at once on an HTTP/2 connection
	writeDelay    = 20 * time.Millisecond // that a log line may wait
)
