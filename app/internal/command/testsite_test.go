package command

import (
	"crypto/sha256"
	"crypto/tls"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

//go:embed testdata/site
var sampleFiles embed.FS

// Sample returns a new site, which a test may change. It uses none of the owner's routes, templates and files, so the
// owner's changes cannot break these tests.
func Sample() kit.Site {
	files, err := fs.Sub(sampleFiles, "testdata/site")
	if err != nil {
		panic(err)
	}
	return kit.Site{Routes: SampleRoutes, Files: files}
}

// SampleRoutes adds a page, the JSON that describes a request as the server saw it, the value of a variable at the time
// SampleRoutes was called, and the probes.
func SampleRoutes(r *gin.Engine, server kit.Server) error {
	handshakeOf := server.Handshakes()
	r.GET("/", func(c *gin.Context) { c.HTML(http.StatusOK, "home", see(c.Request, handshakeOf, c.ClientIP())) })
	r.GET("/seen", func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		c.JSON(http.StatusOK, see(c.Request, handshakeOf, c.ClientIP()))
	})
	madeWith := os.Getenv("SITE_TEST_DOTENV")
	r.GET("/made-with", func(c *gin.Context) { c.String(http.StatusOK, madeWith) })
	r.GET("/healthz", kit.Healthz)
	r.GET("/readyz", kit.Readyz(server.Ready))
	return nil
}

// Seen is what the server saw of a request and of its connection.
type Seen struct {
	Scheme      string   `json:"scheme"`
	Protocol    string   `json:"protocol"`
	Host        string   `json:"host"`
	Client      string   `json:"client"`
	TLS         string   `json:"tls"`
	Resumed     bool     `json:"resumed"`
	Hello       *Hello   `json:"hello"`        // nil: not remembered
	Chain       []string `json:"chain"`        // SHA-256 of each certificate, as served
	ClientNamed string   `json:"client_named"` // common name of the client's certificate
}

// Hello is what the client offered.
type Hello struct {
	ServerName string
	Versions   []uint16
	Suites     []uint16
	Groups     []tls.CurveID
	ALPN       []string
}

func see(r *http.Request, handshakeOf func(*http.Request) *kit.Handshake, client string) Seen {
	s := Seen{Scheme: r.URL.Scheme, Protocol: r.Proto, Host: r.Host, Client: client}
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
	s.Hello = &Hello{h.ServerName, h.SupportedVersions, h.CipherSuites, h.SupportedCurves, h.SupportedProtos}
	if handshake.Certificate != nil {
		for _, der := range handshake.Certificate.Certificate {
			sum := sha256.Sum256(der)
			s.Chain = append(s.Chain, hex.EncodeToString(sum[:]))
		}
	}
	return s
}
