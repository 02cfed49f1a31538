package handlers

import (
	"crypto/tls"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// An example to read and to remove: the page /connection explains the TLS connection that it came over, with its own
// values. /api/connection has the same values as JSON. Two commands remove all of it:
//
//	rm handlers/connection*.go web/*/connection.*
//	sed -i.bak /connection/d handlers/routes.go handlers/site.go web/templates/home.html && rm handlers/*.bak web/*/*.bak

// connection registers the routes of the example.
func connection(r *gin.Engine, server kit.Server) {
	d := &describer{tlsMode: server.TLSMode(), handshakeOf: server.Handshakes()}
	r.GET("/connection", d.page)
	r.GET("/api/connection", d.api)
}

// connectionInfo is what client and server agreed on for one connection, as crypto/tls reports it. A field is left out
// where it does not apply and where this server cannot know it: if a proxy ends the visitor's TLS connection, only the
// proxy knows its values.
type connectionInfo struct {
	Scheme   string `json:"scheme"`   // "https" or "http", as the visitor sees it; empty if the proxy does not tell
	Protocol string `json:"protocol"` // HTTP version between this server and its client
	Host     string `json:"host"`     // from the request
	Client   string `json:"client"`   // the visitor's address
	Proxied  bool   `json:"proxied"`  // a proxy ended the visitor's connection; what follows is about the proxy's own

	TLS         string `json:"tls,omitempty"`          // version
	CipherSuite string `json:"cipher_suite,omitempty"` // IANA name
	KeyExchange string `json:"key_exchange,omitempty"` // group, such as X25519MLKEM768; empty for RSA key exchange
	ALPN        string `json:"alpn,omitempty"`         // protocol inside TLS (RFC 7301)
	ServerName  string `json:"server_name,omitempty"`  // SNI (RFC 6066 §3)
	Resumed     bool   `json:"resumed"`                // the connection continues an earlier session

	// Agreed and Offered are nil without TLS.
	Agreed  *agreement `json:"agreed,omitempty"`
	Offered *offer     `json:"offered,omitempty"`

	// Certificates are the server's chain, leaf first. In a resumed session it is what a new session would get.
	Certificates      []certificate `json:"certificates,omitempty"`
	ClientCertificate *certificate  `json:"client_certificate,omitempty"` // nil if the client sent none
	VouchedBy         voucher       `json:"vouched_by"`
}

// agreement is the rest of what the handshake decided.
type agreement struct {
	CertificateSent bool   `json:"certificate_sent"`           // false in a resumed session
	SignatureScheme string `json:"signature_scheme,omitempty"` // of the server's proof; empty if not known
	ForwardSecrecy  bool   `json:"forward_secrecy"`            // a key stolen later decrypts no recording
	PostQuantum     bool   `json:"post_quantum"`               // the key agreement includes ML-KEM
	HelloRetry      bool   `json:"hello_retry"`                // a second ClientHello (RFC 8446 §2.1)
	ECH             bool   `json:"ech"`                        // the ClientHello was encrypted (RFC 9849)
}

// voucher is the authority that says who the site is.
type voucher struct {
	Kind   string `json:"kind"`             // the setting TLS_MODE; proxy where TLS does not end in this server
	Issuer string `json:"issuer,omitempty"` // of the leaf
}

// connectionPage is what the page shows.
type connectionPage struct {
	page
	Connection connectionInfo
}

type describer struct {
	tlsMode     string
	handshakeOf func(*http.Request) *kit.Handshake
	chains      chains
}

func (d *describer) page(c *gin.Context) {
	c.Header("Cache-Control", "no-store") // the next request may come over another connection
	c.HTML(http.StatusOK, "connection", connectionPage{newPage(c, "This connection"), d.describe(c)})
}

func (d *describer) api(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, d.describe(c))
}

func (d *describer) describe(c *gin.Context) connectionInfo {
	r := c.Request
	info := connectionInfo{
		Scheme: r.URL.Scheme, Protocol: r.Proto, Host: r.Host, Client: c.ClientIP(),
		Proxied: r.TLS == nil || isForwarded(r), VouchedBy: voucher{Kind: "proxy"},
	}
	if r.TLS == nil {
		return info
	}
	info.VouchedBy.Kind = d.tlsMode
	info.addState(r.TLS)
	if handshake := d.handshakeOf(r); handshake != nil {
		info.Offered = describeHello(handshake.Hello)
		if handshake.Certificate != nil {
			info.addChain(d.chains.of(handshake.Certificate), r.TLS)
		}
	}
	return info
}

// isForwarded reports whether a trusted proxy sent the request. The middleware removes these headers from the
// requests of all other clients.
func isForwarded(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-For", "Cf-Connecting-Ip", "Forwarded"} {
		if r.Header[name] != nil {
			return true
		}
	}
	return false
}

// addState adds what net/http knows of the TLS connection.
func (info *connectionInfo) addState(s *tls.ConnectionState) {
	info.TLS = tls.VersionName(s.Version)
	info.CipherSuite = tls.CipherSuiteName(s.CipherSuite)
	if s.CurveID != 0 {
		info.KeyExchange = groupName(s.CurveID)
	}
	info.ALPN, info.ServerName, info.Resumed = s.NegotiatedProtocol, s.ServerName, s.DidResume
	info.Agreed = &agreement{
		CertificateSent: !s.DidResume,
		// The suites TLS_RSA_… encrypt the secret with the certificate's key (RFC 5246 §7.4.7.1).
		ForwardSecrecy: !strings.HasPrefix(info.CipherSuite, "TLS_RSA_"),
		PostQuantum:    slices.Contains(postQuantum, s.CurveID),
		HelloRetry:     s.HelloRetryRequest,
		ECH:            s.ECHAccepted,
	}
	if len(s.PeerCertificates) > 0 {
		client := describeCertificate(s.PeerCertificates[0])
		client.setDaysLeft(time.Now())
		info.ClientCertificate = &client
	}
}

func (info *connectionInfo) addChain(chain []certificate, s *tls.ConnectionState) {
	if info.Certificates = chain; len(chain) == 0 {
		return
	}
	info.VouchedBy.Issuer = chain[0].Issuer
	if s.Version == tls.VersionTLS13 && !s.DidResume {
		info.Agreed.SignatureScheme = chain[0].signatureScheme()
	}
}
