// Package host normalises host names, so that the names in settings, in Host headers and in certificates can be
// compared byte by byte. The normal form is what DNS and certificates carry: lower case, ASCII, no final dot, no
// port, no brackets around an IPv6 address.
//
// It imports no web framework, so that listeners, settings and commands can use it too.
package host

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// ASCII returns the normal form of a name as people write it, with its Unicode letters encoded (RFC 5890). The error
// says that it is no host name.
func ASCII(name string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(name, "."))
	hasEmptyLabel := slices.Contains(strings.Split(ascii, "."), "") // idna lets these pass
	if err != nil || hasEmptyLabel || len(ascii) > maxName {
		return "", fmt.Errorf("%q is not a host name", name)
	}
	return strings.ToLower(ascii), nil
}

// maxName is the length of the longest name that DNS can carry, in bytes (RFC 1035 §2.3.4).
const maxName = 253

// IsAddress reports whether a name in the normal form is an IP address. It is cheap for the others.
func IsAddress(name string) bool {
	if name == "" || !strings.Contains(name, ":") && (name[len(name)-1] < '0' || name[len(name)-1] > '9') {
		return false // a name's last label has a letter (RFC 3696 §2)
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

// Split takes a Host header apart: the name or address in its normal form, and the port, if any. Both are empty if the
// header cannot be parsed. It allocates only for an IPv6 address, and if the name has capitals.
func Split(hostport string) (name, port string) {
	name = hostport
	if inner, ok := strings.CutPrefix(hostport, "["); ok {
		if name, port, ok = strings.Cut(inner, "]"); !ok || port != "" && port[0] != ':' {
			return "", ""
		}
		port = strings.TrimPrefix(port, ":")
		if addr, err := netip.ParseAddr(name); err == nil {
			name = addr.String() // one spelling of many (RFC 5952)
		}
	} else {
		if i := strings.LastIndexByte(name, ':'); i >= 0 {
			name, port = name[:i], name[i+1:]
		}
		name = strings.TrimSuffix(name, ".")
	}
	if strings.Trim(port, "0123456789") != "" {
		return "", ""
	}
	return strings.ToLower(name), port
}

// HTTPS returns the https URL of target's path and query on another host. name is in the normal form, and the URL has
// no port if port is empty. Nothing of target but its path and query gets into the URL.
func HTTPS(name, port string, target *url.URL) string {
	if strings.Contains(name, ":") { // an IPv6 address
		name = "[" + name + "]"
	}
	if port != "" {
		name += ":" + port
	}
	clean := *target
	clean.RawQuery = escapeQuery(target.RawQuery)
	path := clean.RequestURI()
	if !strings.HasPrefix(path, "/") { // the * of OPTIONS, or the authority of CONNECT
		path = "/"
	}
	return "https://" + name + path
}

// escapeQuery escapes what the query of a URL cannot hold, as browsers do (the query set of the URL Standard, section
// 1.3). net/http passes a query on as it was sent, and a # in it would begin a fragment, which no server sees.
func escapeQuery(query string) string {
	var b strings.Builder
	for _, c := range []byte(query) {
		if c <= ' ' || c > '~' || strings.IndexByte(`"#<>`, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
