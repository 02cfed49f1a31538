package handlers

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strconv"
)

// offer is what the client's ClientHello says it supports, in the client's order. Names are those of the IANA registry
// "TLS Parameters". A value without a name there is in hexadecimal. GREASE values have no meaning: clients send some at
// random, so that servers keep ignoring what they do not know (RFC 8701).
type offer struct {
	Versions         []string `json:"versions"`                    // a client without TLS 1.3 names only its highest
	CipherSuites     []string `json:"cipher_suites"`               // those of TLS 1.3 are TLS_AES_… and TLS_CHACHA20_…
	Groups           []string `json:"groups,omitempty"`            // for the key agreement (RFC 8446 §4.2.7)
	SignatureSchemes []string `json:"signature_schemes,omitempty"` // that it can verify (RFC 8446 §4.2.3)
	ALPN             []string `json:"alpn,omitempty"`              // protocols inside TLS (RFC 7301)
	ServerName       string   `json:"server_name,omitempty"`       // empty from a client that was given an IP address
	ECH              bool     `json:"ech"`                         // Encrypted Client Hello, or a decoy
	GREASE           int      `json:"grease"`                      // how many values above, and extensions, are GREASE
}

const (
	extensionVersions = 43     // supported_versions (RFC 8446 §4.2.1)
	extensionECH      = 0xfe0d // encrypted_client_hello (RFC 9849 §5)
)

func describeHello(hello *tls.ClientHelloInfo) *offer {
	o := &offer{ServerName: hello.ServerName, ECH: slices.Contains(hello.Extensions, extensionECH)}
	versions := hello.SupportedVersions
	if len(versions) > 0 && !slices.Contains(hello.Extensions, extensionVersions) {
		versions = versions[:1] // crypto/tls added the others
	}
	o.Versions = offered(o, versions, tls.VersionName)
	o.CipherSuites = offered(o, hello.CipherSuites, suiteName)
	o.Groups = offered(o, hello.SupportedCurves, groupName)
	o.SignatureSchemes = offered(o, hello.SignatureSchemes, schemeName)
	for _, proto := range hello.SupportedProtos {
		if len(proto) == 2 && isGREASE(uint16(proto[0])<<8|uint16(proto[1])) {
			o.GREASE++
			proto = fmt.Sprintf("GREASE 0x%X", proto)
		} else if quoted := strconv.Quote(proto); quoted != `"`+proto+`"` { // a client can send any bytes
			proto = quoted
		}
		o.ALPN = append(o.ALPN, proto)
	}
	for _, extension := range hello.Extensions {
		if isGREASE(extension) {
			o.GREASE++
		}
	}
	return o
}

// offered returns the names of a list of values, and counts those that are GREASE.
func offered[T ~uint16](o *offer, values []T, name func(T) string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		if isGREASE(uint16(v)) {
			o.GREASE++
			out[i] = fmt.Sprintf("GREASE 0x%04X", uint16(v))
		} else {
			out[i] = name(v)
		}
	}
	return out
}

// isGREASE reports whether v is 0x0A0A, 0x1A1A and so on to 0xFAFA (RFC 8701 §2).
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }
