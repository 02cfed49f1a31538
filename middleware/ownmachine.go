package middleware

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/host"
	"example.com/turnkey/middleware/proxyheader"
)

// IsOwnMachine reports whether a browser or tool on this machine made the request: over loopback, to a host name that
// is not public, and without a header of a proxy or tunnel. Responses to such requests may show details for the
// developer. The rest of the network must not see them, and neither must visitors through a tunnel, whose requests come
// from a loopback address too.
func IsOwnMachine(c *gin.Context) bool {
	if c.GetBool(wasForwarded) || proxyheader.Present(c.Request.Header) || !isOwnName(c.Request.Host) {
		return false
	}
	peer, err := netip.ParseAddrPort(c.Request.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// privateZones are the ends of names that the public DNS never resolves (RFC 6761, 6762, 8375; ICANN reserves
// .internal for private use). A tunnel has a public name.
var privateZones = []string{"localhost", "test", "local", "internal", "home.arpa"}

// isOwnName reports whether a Host header may name this machine: a loopback address, a name without a dot, or a name
// in a private zone.
func isOwnName(hostport string) bool {
	name, _ := host.Split(hostport)
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().IsLoopback()
	}
	if !strings.Contains(name, ".") {
		return name != ""
	}
	return slices.ContainsFunc(privateZones, func(zone string) bool { return strings.HasSuffix(name, "."+zone) })
}
