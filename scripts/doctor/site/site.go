// Package site looks at a deployed site as its visitors and certificate authorities do, and says what is right, what
// is wrong and how to mend it: names, ports, redirects, the certificate, the protocol, the headers of the first page and
// whether an ACME challenge arrives. It changes nothing, and uses only what every visitor can see.
//
// It is careful on both sides. The site gets some sixty connections at most, twenty as a rule, none is made to another host than the one
// asked for, and no redirect to one is followed. What the site sends is believed in nothing: answers are bounded in time
// and size, and no control character of theirs reaches a terminal.
package site

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"sync"
	"time"

	"example.com/turnkey/scripts/doctor/report"
)

// These bound a look: it ends within their sum, whatever the site does.
const (
	dnsTime   = 4 * time.Second
	dialTime  = 2500 * time.Millisecond
	shakeTime = 3500 * time.Millisecond
	groupTime = 8 * time.Second // for all requests of a group; the groups are looked at side by side
)

// Options say what to look at, and from where. With URL alone the look is that of a visitor on this machine.
type Options struct {
	// URL is https://host, https://host:port, or either without the scheme. It is required.
	URL string

	// HTTPPort is where the site answers plain http; 0 means 80 if the URL's port is 443, else that it is not known
	// and that nothing is said of it.
	HTTPPort int

	// Address, if valid, is connected to instead of those that DNS tells: a server before its name leads to it.
	Address netip.Addr

	// Roots are trusted besides those of the system: for a private authority, or one for practice. Nil means none.
	Roots []*x509.Certificate

	// Resolvers are the DNS servers to ask, as host:port. Nil means what the system does for names, and the servers of
	// /etc/resolv.conf for what no system call tells: aliases and CAA records.
	Resolvers []string

	// Dial opens every connection to the site. Nil means (*net.Dialer).DialContext. No proxy of the environment is used.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// look is one visit. What its groups share is found first; they only read it.
type look struct {
	target
	now       time.Time
	roots     *x509.CertPool // nil: the system's
	given     netip.Addr
	resolvers []string
	custom    bool // resolvers are the caller's
	dial      func(ctx context.Context, network, address string) (net.Conn, error)

	addrs    []netip.Addr
	https    []netip.Addr // those that answer
	http     []netip.Addr
	served   *tls.ConnectionState // nil: none of https shook hands
	shakeErr error
	asked    bool // for a client certificate, in that handshake
}

// Look examines a site within 20 seconds, or until ctx is done. An error means that the options are wrong, and that
// nothing was looked at; whatever is wrong with the site is in the report. Many may look at once.
func Look(ctx context.Context, o Options) (report.Report, error) {
	t, err := parseTarget(o.URL, o.HTTPPort)
	if err != nil {
		return report.Report{}, err
	}
	l := &look{
		target: t, now: time.Now(), given: o.Address.Unmap(), resolvers: o.Resolvers, custom: o.Resolvers != nil, dial: o.Dial,
	}
	if l.dial == nil {
		l.dial = (&net.Dialer{}).DialContext
	}
	if !l.custom {
		l.resolvers = systemResolvers()
	}
	if l.roots, err = pool(o.Roots); err != nil {
		return report.Report{}, err
	}

	names, caa := l.names(ctx)
	ports := l.ports(ctx)
	l.meet(ctx)

	groups := []func(context.Context) section{l.redirects, l.certificate, l.protocol, l.headers, l.challenge}
	found := make([]section, len(groups))
	ctx, cancel := context.WithTimeout(ctx, groupTime)
	defer cancel()
	var wg sync.WaitGroup
	for i, group := range groups {
		wg.Go(func() { found[i] = group(ctx) })
	}
	wg.Wait()
	l.authorities(&names, caa)
	return l.report(append([]section{names, ports}, found...)), nil
}

// pool is what to trust; nil means the system's roots alone.
func pool(extra []*x509.Certificate) (*x509.CertPool, error) {
	if len(extra) == 0 {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	for _, c := range extra {
		roots.AddCert(c)
	}
	return roots, nil
}
