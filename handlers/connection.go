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

// ConnectionInfo is what this very connection negotiated, as crypto/tls saw it and nothing beyond. Fields are left
// out where they do not apply or nobody here knows: behind a proxy, the visitor's own TLS connection is the proxy's.
type ConnectionInfo struct {
	Scheme      string `json:"scheme"`                 // "https" or "http", as the visitor sees it; empty when only a proxy could know, and did not say
	Protocol    string `json:"protocol"`               // HTTP version of the last hop
	Host        string `json:"host"`                   // that was asked for
	Client      string `json:"client"`                 // address of the visitor
	Proxied     bool   `json:"proxied"`                // a proxy in front ended the visitor's connection; what follows of TLS is about the one from there to here
	TLS         string `json:"tls,omitempty"`          // version
	CipherSuite string `json:"cipher_suite,omitempty"` // IANA name
	KeyExchange string `json:"key_exchange,omitempty"` // group, by its IANA name: X25519MLKEM768; empty for an exchange by RSA
	ALPN        string `json:"alpn,omitempty"`         // protocol agreed on (RFC 7301)
	ServerName  string `json:"server_name,omitempty"`  // SNI (RFC 6066 §3)
	Resumed     bool   `json:"resumed"`                // continued an earlier session

	Agreed            *Agreement    `json:"agreed,omitempty"`             // nil without TLS
	Offered           *Offer        `json:"offered,omitempty"`            // by the client; nil without TLS, and where it was too much to remember
	Certificates      []Certificate `json:"certificates,omitempty"`       // the chain as served, leaf first; in a resumed session, the one that would be
	ClientCertificate *Certificate  `json:"client_certificate,omitempty"` // by which the client proved who it is; nil: it was not asked
	VouchedBy         Voucher       `json:"vouched_by"`
}

// Agreement is what else came of the handshake.
type Agreement struct {
	CertificateSent bool   `json:"certificate_sent"`           // the chain travelled on this connection; not in a resumed session
	SignatureScheme string `json:"signature_scheme,omitempty"` // by which the server proved its key; empty where crypto/tls does not tell
	ForwardSecrecy  bool   `json:"forward_secrecy"`            // who records this and one day gets the certificate's key can read none of it
	PostQuantum     bool   `json:"post_quantum"`               // the keys were agreed on with ML-KEM, which no quantum computer is known to open
	HelloRetry      bool   `json:"hello_retry"`                // the first hello had no key share for the group chosen (RFC 8446 §2.1)
	ECH             bool   `json:"ech"`                        // the hello was encrypted (RFC 9849)
}

// Voucher is who says that the site is the one it claims to be.
type Voucher struct {
	Kind   string `json:"kind"`             // kit.Server.TLSMode; proxy where TLS does not end here
	Issuer string `json:"issuer,omitempty"` // of the leaf
}

// Connection is ConnectionInfo as JSON.
func Connection(server kit.Server) gin.HandlerFunc {
	describe := describer(server)
	return func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		c.JSON(http.StatusOK, describe(c))
	}
}

// describer makes the function that describes a request's connection.
func describer(server kit.Server) func(*gin.Context) ConnectionInfo {
	var chains chains
	handshakeOf := server.Handshakes()
	return func(c *gin.Context) ConnectionInfo {
		r := c.Request
		info := ConnectionInfo{
			Scheme: r.URL.Scheme, Protocol: r.Proto, Host: r.Host, Client: c.ClientIP(),
			Proxied: r.TLS == nil || forwarded(r), VouchedBy: Voucher{Kind: "proxy"},
		}
		if r.TLS == nil {
			return info
		}
		info.VouchedBy.Kind = server.TLSMode()
		info.agree(r.TLS)
		handshake := handshakeOf(r)
		if handshake == nil {
			return info
		}
		info.Offered = offer(handshake.Hello)
		if handshake.Certificate == nil {
			return info
		}
		if info.Certificates = chains.of(handshake.Certificate); len(info.Certificates) > 0 {
			leaf := info.Certificates[0]
			info.VouchedBy.Issuer = leaf.Issuer
			if r.TLS.Version == tls.VersionTLS13 && !r.TLS.DidResume {
				info.Agreed.SignatureScheme = leaf.proofScheme()
			}
		}
		return info
	}
}

// forwarded says whether a trusted proxy sent the request on: middleware.Forwarded removes the words of all others.
func forwarded(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-For", "Cf-Connecting-Ip", "Forwarded"} {
		if r.Header[name] != nil {
			return true
		}
	}
	return false
}

func (info *ConnectionInfo) agree(s *tls.ConnectionState) {
	info.TLS = tls.VersionName(s.Version)
	info.CipherSuite = tls.CipherSuiteName(s.CipherSuite)
	if s.CurveID != 0 {
		info.KeyExchange = groupName(s.CurveID)
	}
	info.ALPN, info.ServerName, info.Resumed = s.NegotiatedProtocol, s.ServerName, s.DidResume
	info.Agreed = &Agreement{
		CertificateSent: !s.DidResume,
		ForwardSecrecy:  !strings.HasPrefix(info.CipherSuite, "TLS_RSA_"), // whose secret travels under the certificate's key (RFC 5246 §7.4.7.1)
		PostQuantum:     slices.Contains(postQuantum, s.CurveID),
		HelloRetry:      s.HelloRetryRequest,
		ECH:             s.ECHAccepted,
	}
	if len(s.PeerCertificates) > 0 {
		client := describeCertificate(s.PeerCertificates[0])
		client.count(time.Now())
		info.ClientCertificate = &client
	}
}
