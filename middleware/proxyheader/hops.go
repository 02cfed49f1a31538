package proxyheader

import (
	"net/http"
	"slices"
	"strings"
)

// claims and hops are the beginnings of the names of headers that proxies, balancers, content networks and tunnels add
// to the requests they pass on. Browsers send none of them. A claim says who the client is, how it connected or which
// certificate it has, and is removed if the peer is not trusted: Forwarded is RFC 7239, Client-Cert RFC 9440. The
// others only show that there is a hop between client and server: Via is RFC 9110 §7.6.3. X-Original- (-Host, -Url:
// Azure) is no claim, since clients send an X-Original-Filename of their own.
var (
	claims = newPrefixes(`
	Forwarded X-Forwarded X-Real- X-Client- X-Cluster-Client-Ip X-Original-Forwarded- X-Originating- X-Remote-
	X-Ssl- Ssl-Client- Client-Cert Client-Ip True-Client-Ip Cf-Connecting-Ip Front-End-Https X-Scheme X-Url-Scheme
	X-Envoy-External-Address Fastly-Client-Ip Fly-Client-Ip Tailscale- Cloudfront- X-Azure-Clientip X-Azure-Socketip
	Proxy-Client-Ip Wl-Proxy- Incap-Client-Ip X-Appengine-`)
	hops = newPrefixes(`
	X-Original- Via Max-Forwards Proxy- X-Proxy X-Via X-Envoy- X-Amzn- X-Amz-Cf- X-Arr- X-Azure- X-Waws-
	X-Request-Start X-Cloud-Trace- X-Vercel- X-Nf- X-Varnish X-Host X-Rewrite-Url X-Ngrok- X-Tunnel X-Localtunnel-
	Ngrok- Bypass-Tunnel- Cf- Cdn- Fastly- Fly- Akamai- Surrogate- Disguised-Host Was-Default-Hostname`)
)

// prefixes are beginnings of names by the first letter, or after X- by the third, so that a lookup compares few.
type prefixes [2][256][]string

func newPrefixes(list string) (p prefixes) {
	for prefix := range strings.FieldsSeq(list) {
		names := p.near(prefix)
		*names = append(*names, prefix)
	}
	return p
}

func (p *prefixes) near(name string) *[]string {
	if len(name) > 2 && name[0] == 'X' && name[1] == '-' {
		return &p[1][name[2]]
	}
	return &p[0][name[0]]
}

// match reports whether a name in canonical form begins with one of the prefixes.
func (p *prefixes) match(name string) bool {
	return name != "" && slices.ContainsFunc(*p.near(name), func(p string) bool { return strings.HasPrefix(name, p) })
}

// removeClaims removes the claims about the client from the header, and reports whether there were any.
func removeClaims(header http.Header) (found bool) {
	for name := range header {
		if claims.match(name) {
			delete(header, name)
			found = true
		}
	}
	return found
}

// Present reports whether a header shows that a hop lies between client and server.
func Present(header http.Header) bool {
	for name := range header {
		if claims.match(name) || hops.match(name) {
			return true
		}
	}
	return false
}
