package site

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// target is the site to examine.
type target struct {
	host      string     // in lower case and ASCII, without a final dot; for an address as netip writes it
	addr      netip.Addr // valid if host is an address
	httpsPort int
	httpPort  int // 0: not known
}

// parseTarget parses what a user types for a site.
func parseTarget(raw string, httpPort int) (target, error) {
	text := strings.TrimSpace(raw)
	if addr, err := netip.ParseAddr(text); err == nil && addr.Is6() {
		text = "[" + text + "]" // a URL would take what follows its first colon for a port
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return target{}, fmt.Errorf("%q is not a URL → give it as https://example.com", raw)
	case u.User != nil:
		return target{}, errors.New("the URL names a user → leave that out; nothing is logged in to")
	case u.Scheme != "https":
		return target{}, fmt.Errorf("%q begins with %s:// → give it as https://…; plain http is looked at as well", raw,
			u.Scheme)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return target{}, fmt.Errorf("%q holds a path → leave it out; a site is looked at as a whole", raw)
	case httpPort < 0 || httpPort > 65535:
		return target{}, fmt.Errorf("%d is no port → give one from 1 to 65535", httpPort)
	}
	t := target{httpsPort: 443, httpPort: httpPort}
	if port := u.Port(); port != "" {
		if t.httpsPort, err = strconv.Atoi(port); err != nil || t.httpsPort < 1 || t.httpsPort > 65535 {
			return target{}, fmt.Errorf("%q is no port → give one from 1 to 65535", port)
		}
	}
	if t.httpPort == 0 && t.httpsPort == 443 {
		t.httpPort = 80
	}
	if t.httpPort == t.httpsPort {
		return target{}, fmt.Errorf("port %d cannot be for https and for http → give --http-port another", t.httpPort)
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		t.addr = addr.Unmap().WithZone("")
		t.host = t.addr.String()
		return t, nil
	}
	if t.host, err = asciiHost(u.Hostname()); err != nil {
		return target{}, fmt.Errorf("%q is not a host name → give it as https://example.com", u.Hostname())
	}
	return t, nil
}

// asciiHost returns a host name as DNS and certificates write it.
func asciiHost(name string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(name, "."))
	if err != nil || ascii == "" || len(ascii) > 253 {
		return "", fmt.Errorf("%q is not a host name", name)
	}
	return strings.ToLower(ascii), nil
}

// url returns a URL of the site, with a port only where it is not the scheme's own.
func (t target) url(scheme, path string) string {
	port, own := t.httpsPort, 443
	if scheme == "http" {
		port, own = t.httpPort, 80
	}
	host := t.host
	if port != own {
		host = net.JoinHostPort(t.host, strconv.Itoa(port))
	} else if t.addr.Is6() {
		host = "[" + host + "]"
	}
	return scheme + "://" + host + path
}

// loopback reports whether the name means this machine on every machine (RFC 6761 §6.3).
func (t target) loopback() bool {
	return t.host == "localhost" || strings.HasSuffix(t.host, ".localhost")
}

// local reports whether the name is for one machine or network, so that no public CA knows it (RFC 6761, RFC 6762, RFC
// 8375, and .internal, which ICANN reserves).
func (t target) local() bool {
	if t.addr.IsValid() {
		return kind(t.addr) != "public"
	}
	i := strings.LastIndexByte(t.host, '.')
	return i < 0 || strings.HasSuffix(t.host, ".home.arpa") ||
		slices.Contains([]string{"localhost", "test", "invalid", "example", "local", "internal"}, t.host[i+1:])
}

// siblings reports whether two hosts differ by www. alone.
func siblings(a, b string) bool { return a == "www."+b || b == "www."+a }

// kind is the part of the internet that can reach an address: public, private, loopback, link-local, or unusable.
func kind(a netip.Addr) string {
	switch {
	case a.IsLoopback():
		return "loopback"
	case a.IsPrivate(), carrier.Contains(a):
		return "private"
	case a.IsLinkLocalUnicast():
		return "link-local"
	case a.IsUnspecified(), a.IsMulticast():
		return "unusable"
	}
	return "public"
}

// carrier is the range that providers use behind their own address translation (RFC 6598).
var carrier = netip.MustParsePrefix("100.64.0.0/10")
