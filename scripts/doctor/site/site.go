// Package site examines a deployed site as its clients and CAs see it, and reports what is right, what is wrong and how
// to fix it: names, ports, redirects, the certificate, the protocol, the headers of the first page and whether an ACME
// challenge arrives. It changes nothing, and sees only what every client can see.
//
// It limits what it does to the site: some sixty connections at most, twenty as a rule, none to another host than the
// requested one, and no redirect to another host is followed. It trusts nothing that the site sends: responses are
// limited in time and size, and control characters are escaped.
package site

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/turnkey/middleware/host"
	"example.com/turnkey/scripts/doctor/report"
)

// limits are how long the steps of an examination may take: it ends within the sum of dns, dial, shake and group,
// whatever the site does.
type limits struct {
	dns, dial, shake time.Duration
	fetch            time.Duration // for one request
	group            time.Duration // for all requests of a group; the groups run in parallel
}

var usual = limits{
	dns: 4 * time.Second, dial: 2500 * time.Millisecond, shake: 3500 * time.Millisecond,
	fetch: 4 * time.Second, group: 8 * time.Second,
}

var part = report.Part

const good, warn, wrong, skip = report.OK, report.Warn, report.Wrong, report.Skipped

// Options are what to examine, and from where. With URL alone it is examined as from any client on this machine.
type Options struct {
	URL string // https://host, https://host:port, or either without the scheme; required
	// HTTPPort is where the site answers plain http. 0 means 80 if the URL's port is 443, else that the port is not
	// known and not checked.
	HTTPPort int
	Address  netip.Addr          // if valid, it is examined instead of those that DNS tells
	Roots    []*x509.Certificate // trusted besides those of the system: of a private CA or a test CA
	// Resolvers are the DNS servers to ask, as host:port. Nil means the system's own resolution for names, and the
	// servers of /etc/resolv.conf for aliases and CAA records, which no system call returns.
	Resolvers []string
	// Dial opens every connection to the site. Nil means (*net.Dialer).DialContext. No proxy of the environment is used.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	limits limits // the zero value: usual
}

// look is one examination. Its groups share the fields, and only read them.
type look struct {
	Options
	target
	now       time.Time
	roots     *x509.CertPool // nil: the system's
	resolvers []string

	addrs  []netip.Addr
	https  []end // those that answer
	http   []end
	served *tls.ConnectionState // of https[0]; nil: none completed a handshake
}

// Look examines a site within 20 seconds, or until ctx is done. An error means that the options are invalid and nothing
// was examined. Everything that is wrong with the site is in the report. It is safe for concurrent use.
func Look(ctx context.Context, o Options) (report.Report, error) {
	t, err := parseTarget(o.URL, o.HTTPPort)
	if err != nil {
		return report.Report{}, err
	}
	l := &look{Options: o, target: t, now: time.Now(), resolvers: o.Resolvers}
	l.limits = cmp.Or(l.limits, usual)
	if l.Dial == nil {
		l.Dial = (&net.Dialer{}).DialContext
	}
	if l.Resolvers == nil {
		l.resolvers = systemResolvers("/etc/resolv.conf") // Windows has no such file
	}
	if len(o.Roots) > 0 {
		if l.roots, err = x509.SystemCertPool(); err != nil {
			return report.Report{}, err
		}
		for _, c := range o.Roots {
			l.roots.AddCert(c)
		}
	}
	r := report.Of(l.examine(ctx), l.now)
	r.URL, r.Addresses = l.url(), words(l.addrs)
	if l.served != nil {
		c := l.served.PeerCertificates[0]
		r.Certificate = &report.Certificate{
			Names: subjects(c), Issuer: issuer(c), Serial: fmt.Sprintf("%x", c.SerialNumber),
			SHA256: fmt.Sprintf("%x", sha256.Sum256(c.Raw)), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
		}
	}
	return r, nil
}

// examine runs the groups that need each other's results one after another, and the rest in parallel.
func (l *look) examine(ctx context.Context) (found []report.Finding) {
	names, ports := report.Section{Group: "dns"}, report.Section{Group: "ports"}
	caa := l.names(ctx, &names)
	l.ports(ctx, &ports)

	noHTTP, noHTTPS := l.without(l.httpPort, l.http), l.without(l.httpsPort, l.https)
	noTLS := noHTTPS
	if l.served == nil {
		noTLS = cmp.Or(noHTTPS, "no handshake succeeds")
	}
	groups := []struct {
		report.Section
		skipped, why string // a check to skip, if there is a reason
		check        func(context.Context, *report.Section)
	}{
		{report.Section{Group: "redirects"}, "redirect", noHTTP, l.redirects},
		{report.Section{Group: "certificate"}, "handshake", noHTTPS, l.certificate},
		{report.Section{Group: "protocol"}, "tls", noTLS, l.protocol},
		{report.Section{Group: "headers"}, "page", noTLS, l.headers},
		{report.Section{Group: "challenge"}, "http-01", noHTTP, l.challenge},
	}
	ctx, cancel := context.WithTimeout(ctx, l.limits.group)
	defer cancel()
	var wg sync.WaitGroup
	for i, g := range groups {
		if g.why != "" {
			groups[i].Skip(g.skipped, g.why)
		} else {
			wg.Go(func() { g.check(ctx, &groups[i].Section) })
		}
	}
	wg.Wait()
	l.authorities(&names, caa)
	found = append(names.Found, ports.Found...)
	for _, g := range groups {
		found = append(found, g.Found...)
	}
	return found
}

// words returns what fmt prints of each value. It is never nil.
func words[T fmt.Stringer](values []T) []string {
	out := []string{}
	for _, v := range values {
		out = append(out, v.String())
	}
	return out
}

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
		return target{}, fmt.Errorf("%q begins with %s:// → give it as https://…; plain http is examined too", raw, u.Scheme)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return target{}, fmt.Errorf("%q holds a path → leave it out; a site is examined as a whole", raw)
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
	if t.host, err = host.ASCII(u.Hostname()); err != nil {
		return target{}, fmt.Errorf("%q is not a host name → give it as https://example.com", u.Hostname())
	}
	return t, nil
}

// url returns the site's address, without a slash at its end.
func (t target) url() string { return t.at("https", "").String() }

// at returns a URL of the site, with a port only where it is not the scheme's own.
func (t target) at(scheme, path string) *url.URL {
	port, own := t.httpsPort, ":443"
	if scheme == "http" {
		port, own = t.httpPort, ":80"
	}
	authority := strings.TrimSuffix(net.JoinHostPort(t.host, strconv.Itoa(port)), own)
	return &url.URL{Scheme: scheme, Host: authority, Path: path}
}

// loopback reports whether the name means this machine on every machine (RFC 6761 §6.3).
func (t target) loopback() bool { return strings.HasSuffix("."+t.host, ".localhost") }

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

// siblings reports whether two hosts differ only by www.
func siblings(a, b string) bool { return a == "www."+b || b == "www."+a }

// carrier is the range that providers use behind their own address translation (RFC 6598).
var carrier = netip.MustParsePrefix("100.64.0.0/10")

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
