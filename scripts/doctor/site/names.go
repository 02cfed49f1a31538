package site

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// perFamily is how many addresses of each family are checked.
const perFamily = 4

// names looks up the site's addresses and, at the same time, its CAA records for authorities. The records are nil for
// names that no public CA issues certificates for.
func (l *look) names(ctx context.Context) (s section, caa *caaSet) {
	s.group = "dns"
	ctx, cancel := context.WithTimeout(ctx, dnsTime)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	if !l.local() && !l.addr.IsValid() {
		caa = &caaSet{}
		wg.Go(func() { *caa = l.findCAA(ctx, l.host) })
	}
	switch {
	case l.given.IsValid():
		l.addrs = []netip.Addr{l.given}
		s.ok("addresses", l.given.String()+", as asked for; DNS may say otherwise")
	case l.addr.IsValid():
		l.addrs = []netip.Addr{l.addr}
		s.ok("addresses", "the site is asked for by its address")
	case l.loopback():
		l.addrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
		s.ok("addresses", "localhost is this machine everywhere; no other can reach it by that name")
	default:
		l.resolve(ctx, &s)
	}
	return s, caa
}

// resolve asks DNS for the addresses of both families and for the aliases.
func (l *look) resolve(ctx context.Context, s *section) {
	var four, six []netip.Addr
	var fourErr, sixErr, aliasErr error
	var aliases []string
	var wg sync.WaitGroup
	wg.Go(func() { four, fourErr = l.lookup(ctx, "ip4") })
	wg.Go(func() { six, sixErr = l.lookup(ctx, "ip6") })
	wg.Go(func() { _, aliases, aliasErr = l.ask(ctx, l.host, dns.TypeA) })
	wg.Wait()
	l.records(s, "a", "IPv4", four, fourErr)
	l.records(s, "aaaa", "IPv6", six, sixErr)
	if aliasErr != nil {
		s.skip("alias", aliasErr.Error())
	} else if len(aliases) > 0 {
		s.ok("alias", l.host+" → "+part(strings.Join(aliases, " → ")))
	}
	err := errors.Join(fourErr, sixErr)
	switch {
	case len(l.addrs) > 0:
		l.reach(s)
	case err != nil:
		s.wrong("addresses", l.host+" cannot be looked up",
			"if it is so elsewhere too, look at the name servers of the domain")
	default:
		s.wrong("addresses", l.host+" has no address",
			"add an A record with the server's IPv4 address, and an AAAA record if it has IPv6")
	}
}

// lookup resolves a name as programs on this machine do, hosts file included.
func (l *look) lookup(ctx context.Context, network string) ([]netip.Addr, error) {
	resolver := net.DefaultResolver
	if l.custom {
		resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			if len(l.resolvers) == 0 {
				return nil, errNoResolver
			}
			return (&net.Dialer{}).DialContext(ctx, network, l.resolvers[0])
		}}
	}
	addrs, err := resolver.LookupNetIP(ctx, network, l.host)
	if notFound, ok := errors.AsType[*net.DNSError](err); ok && notFound.IsNotFound {
		return nil, nil
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs), err
}

// records reports the addresses of a family, and keeps them.
func (l *look) records(s *section, name, family string, addrs []netip.Addr, err error) {
	if err != nil {
		s.skip(name, family+" addresses cannot be looked up: "+err.Error())
		return
	}
	if len(addrs) == 0 {
		s.ok(name, "no "+family+" address")
		return
	}
	more := ""
	if len(addrs) > perFamily {
		addrs, more = addrs[:perFamily], " and more, which are not looked at"
	}
	l.addrs = append(l.addrs, addrs...)
	s.ok(name, list(addrs)+more)
}

func list(addrs []netip.Addr) string {
	var words []string
	for _, a := range addrs {
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}

// reach reports whether clients can reach the addresses at all.
func (l *look) reach(s *section) {
	inside := slices.DeleteFunc(slices.Clone(l.addrs), func(a netip.Addr) bool { return kind(a) == "public" })
	switch {
	case len(inside) > 0 && l.local():
		s.ok("reach", "an address of its own network, as the name is")
	case len(inside) == len(l.addrs):
		s.warn("reach", "from outside its network no visitor can reach "+list(inside)+" ("+kind(inside[0])+"), public "+
			"authorities neither",
			"if the site is for everybody, let A and AAAA hold the server's public addresses")
	case len(inside) > 0:
		s.wrong("reach", "some visitors are sent to "+list(inside)+" ("+kind(inside[0])+"), where only its own network "+
			"can go", "take it out of the public DNS")
	case !slices.ContainsFunc(l.addrs, netip.Addr.Is4):
		s.warn("reach", "visitors without IPv6 cannot come: there is no A record", "add one with an IPv4 address")
	}
}
