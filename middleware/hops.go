package middleware

import (
	"net/http"
	"strings"
)

// hopHeaders are how the names of headers begin that proxies, balancers, content networks and tunnels add to what they
// pass on. Browsers send none of them by themselves. A claim says who the client is, how it came or what it proved:
// from an untrusted peer it is removed. The others only tell that something stands in between.
var hopHeaders = []struct {
	prefix string
	claim  bool
}{
	{"Forwarded", true}, // RFC 7239
	{"X-Forwarded", true},
	{"X-Real-", true},
	{"X-Client-", true}, // -Ip, -Cert
	{"X-Cluster-Client-Ip", true},
	{"X-Original-", false}, // -Host, -Url: Azure; a client's own "X-Original-Filename" is not lost
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

// hopsByLetter is hopHeaders by what tells most names apart at once: the first letter, and for X- the third.
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

// isHopHeader reports whether a header's name, in its canonical form, is one that something between client and server
// adds, and whether it claims something about the client.
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

// removeClaims takes what a peer that is not trusted claims about the client out of the header, and says whether there
// was any.
func removeClaims(header http.Header) (found bool) {
	for name := range header {
		if _, claim := isHopHeader(name); claim {
			delete(header, name)
			found = true
		}
	}
	return found
}

// cameByHop reports whether a header that is still there tells of something between client and server.
func cameByHop(header http.Header) bool {
	for name := range header {
		if hop, _ := isHopHeader(name); hop {
			return true
		}
	}
	return false
}
