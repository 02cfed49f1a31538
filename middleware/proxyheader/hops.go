package proxyheader

import (
	"net/http"
	"strings"
)

// hopHeaders are the beginnings of the names of headers that proxies, balancers, content networks and tunnels add to
// the requests they pass on. Browsers send none of them by themselves. A claim says who the client is, how it
// connected or what it proved, and is removed if the peer is not trusted. The others only show that a hop lies
// between client and server.
var hopHeaders = []struct {
	prefix string
	claim  bool
}{
	{"Forwarded", true}, // RFC 7239
	{"X-Forwarded", true},
	{"X-Real-", true},
	{"X-Client-", true}, // -Ip, -Cert
	{"X-Cluster-Client-Ip", true},
	{"X-Original-", false}, // -Host, -Url: Azure; no claim, since clients send an X-Original-Filename of their own
	{"X-Original-Forwarded-", true},
	{"X-Originating-", true},
	{"X-Remote-", true},
	{"X-Ssl-", true}, // -Client-Cert, -Client-Verify
	{"Ssl-Client-", true},
	{"Client-Cert", true}, // RFC 9440
	{"Client-Ip", true},
	{"True-Client-Ip", true},
	{"Cf-Connecting-Ip", true},
	{"Front-End-Https", true},
	{"X-Scheme", true},
	{"X-Url-Scheme", true},
	{"X-Envoy-External-Address", true},
	{"Fastly-Client-Ip", true},
	{"Fly-Client-Ip", true},
	{"Tailscale-", true}, // -User-Login
	{"Cloudfront-", true},
	{"X-Azure-Clientip", true},
	{"X-Azure-Socketip", true},
	{"Proxy-Client-Ip", true},
	{"Wl-Proxy-", true},
	{"Incap-Client-Ip", true},
	{"X-Appengine-", true},

	{"Via", false}, // RFC 9110 §7.6.3
	{"Max-Forwards", false},
	{"Proxy-", false}, // -Connection
	{"X-Proxy", false},
	{"X-Via", false},
	{"X-Envoy-", false},
	{"X-Amzn-", false},
	{"X-Amz-Cf-", false},
	{"X-Arr-", false},
	{"X-Azure-", false},
	{"X-Waws-", false},
	{"X-Request-Start", false},
	{"X-Cloud-Trace-", false},
	{"X-Vercel-", false},
	{"X-Nf-", false},
	{"X-Varnish", false},
	{"X-Host", false},
	{"X-Rewrite-Url", false},
	{"X-Ngrok-", false},
	{"X-Tunnel", false},
	{"X-Localtunnel-", false},
	{"Ngrok-", false},
	{"Bypass-Tunnel-", false},
	{"Cf-", false},
	{"Cdn-", false},
	{"Fastly-", false},
	{"Fly-", false},
	{"Akamai-", false},
	{"Surrogate-", false},
	{"Disguised-Host", false},
	{"Was-Default-Hostname", false},
}

// hopsByLetter has the indexes of hopHeaders by the first letter, or after X- by the third, so that a lookup compares
// few names.
var hopsByLetter = func() (table [2][256][]int) {
	for i, h := range hopHeaders {
		x, letter := hopLetter(h.prefix)
		table[x][letter] = append(table[x][letter], i)
	}
	return table
}()

func hopLetter(name string) (x int, letter byte) {
	if len(name) > 2 && name[0] == 'X' && name[1] == '-' {
		return 1, name[2]
	}
	return 0, name[0]
}

// isHopHeader reports whether a header with this name, in canonical form, comes from a hop between client and server,
// and whether it claims something about the client.
func isHopHeader(name string) (hop, claim bool) {
	if name == "" {
		return false, false
	}
	x, letter := hopLetter(name)
	for _, i := range hopsByLetter[x][letter] {
		if strings.HasPrefix(name, hopHeaders[i].prefix) {
			hop, claim = true, claim || hopHeaders[i].claim
		}
	}
	return hop, claim
}

// removeClaims removes the claims about the client from the header, and reports whether there were any.
func removeClaims(header http.Header) (found bool) {
	for name := range header {
		if _, claim := isHopHeader(name); claim {
			delete(header, name)
			found = true
		}
	}
	return found
}

// Present reports whether a header shows that a hop lies between client and server.
func Present(header http.Header) bool {
	for name := range header {
		if hop, _ := isHopHeader(name); hop {
			return true
		}
	}
	return false
}
