package handlers

import (
	"cmp"
	"crypto/tls"
	"net/http"

	"github.com/gin-gonic/gin"
)

// ConnectionInfo is what this very connection negotiated. Fields are empty where they do not apply: behind a proxy,
// the TLS part of the connection is the proxy's and not known here.
type ConnectionInfo struct {
	Scheme      string `json:"scheme"`                 // "https" or "http", as the visitor sees it
	Protocol    string `json:"protocol"`               // HTTP version of the last hop
	Host        string `json:"host"`                   // that was asked for
	Client      string `json:"client"`                 // address of the visitor
	Proxied     bool   `json:"proxied"`                // a proxy in front ended the TLS connection
	TLS         string `json:"tls,omitempty"`          // version
	CipherSuite string `json:"cipher_suite,omitempty"` // IANA name
	KeyExchange string `json:"key_exchange,omitempty"` // group, e.g. X25519MLKEM768
	ALPN        string `json:"alpn,omitempty"`         // protocol agreed on (RFC 7301)
	ServerName  string `json:"server_name,omitempty"`  // SNI (RFC 6066 §3)
	Resumed     bool   `json:"resumed"`                // continued an earlier session
}

// Connection is ConnectionInfo as JSON.
func Connection(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, describe(c))
}

func describe(c *gin.Context) ConnectionInfo {
	r := c.Request
	info := ConnectionInfo{
		Scheme:   cmp.Or(r.URL.Scheme, "http"),
		Protocol: r.Proto,
		Host:     r.Host,
		Client:   c.ClientIP(),
		Proxied:  r.TLS == nil,
	}
	if s := r.TLS; s != nil {
		info.TLS = tls.VersionName(s.Version)
		info.CipherSuite = tls.CipherSuiteName(s.CipherSuite)
		info.KeyExchange = s.CurveID.String()
		info.ALPN = s.NegotiatedProtocol
		info.ServerName = s.ServerName
		info.Resumed = s.DidResume
	}
	return info
}
