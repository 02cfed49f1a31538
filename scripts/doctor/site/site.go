// Package site examines a deployed site as its clients and CAs see it, and reports what is right, what is wrong and how
// to fix it: names, ports, redirects, the certificate, the protocol, the headers of the first page and whether an ACME
// challenge arrives. It changes nothing, and sees only what every client can see.
//
// It limits what it does to the site: some sixty connections at most, twenty as a rule, none to another host than the
// requested one, and no redirect to another host is followed. It trusts nothing that the site sends: answers are
// limited in time and size, and none of their control characters reaches a terminal.
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

// These limit an examination: it ends within their sum, whatever the site does.
const (
	dnsTime   = 4 * time.Second
	dialTime  = 2500 * time.Millisecond
	shakeTime = 3500 * time.Millisecond
	groupTime = 8 * time.Second // for all requests of a group; the groups run in parallel
)

// Options are what to examine, and from where. With URL alone it is examined as from any client on this machine.
type Options struct {
	// URL is https://host, https://host:port, or either without the scheme. It is required.
	URL string

	// HTTPPort is where the site answers plain http. 0 means 80 if the URL's port is 443, else that the port is not
	// known and not checked.
	HTTPPort int

	// Address, if valid, is connected to instead of those that DNS tells: a server before its name leads to it.
	Address netip.Addr

	// Roots are trusted besides those of the system: for a private CA or a test CA. Nil means none.
	Roots []*x509.Certificate

	// Resolvers are the DNS servers to ask, as host:port. Nil means the system's own resolution for names, and the
	// servers of /etc/resolv.conf for aliases and CAA records, which no system call returns.
	Resolvers []string

	// Dial opens every connection to the site. Nil means (*net.Dialer).DialContext. No proxy of the environment is used.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// look is one examination. It first finds what its groups share, which they only read.
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

// Look examines a site within 20 seconds, or until ctx is done. An error means that the options are invalid and nothing
// was examined. Everything that is wrong with the site is in the report. It is safe for concurrent use.
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

// pool returns what to trust. Nil means the system's roots alone.
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
