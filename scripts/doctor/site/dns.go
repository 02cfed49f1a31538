package site

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"example.com/turnkey/scripts/doctor/report"
)

const (
	perFamily = 4 // addresses that are examined
	askTime   = 1500 * time.Millisecond
	udpSize   = 1232 // bytes that pass everywhere in one piece (dnsflagday.net/2020)
)

// names looks up the site's addresses and, at the same time, its CAA records for authorities. Their error is errNoCAA
// for names that no public CA issues certificates for.
func (l *look) names(ctx context.Context, s *report.Section) (caa *caaSet) {
	ctx, cancel := context.WithTimeout(ctx, l.limits.dns)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	caa = &caaSet{err: errNoCAA}
	if !l.local() && !l.addr.IsValid() {
		wg.Go(func() { *caa = l.findCAA(ctx, l.host) })
	}
	switch {
	case l.Address.IsValid():
		l.addrs = []netip.Addr{l.Address.Unmap()}
		s.OK("addresses", l.addrs[0].String()+", as asked for; DNS may say otherwise")
	case l.addr.IsValid():
		l.addrs = []netip.Addr{l.addr}
		s.OK("addresses", "the site is asked for by its address")
	case l.loopback():
		l.addrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
		s.OK("addresses", "localhost is this machine everywhere; no other can reach it by that name")
	default:
		l.resolve(ctx, s)
	}
	return caa
}

// resolve asks for the addresses and for the aliases.
func (l *look) resolve(ctx context.Context, s *report.Section) {
	var records []dns.RR
	var aliasErr error
	var wg sync.WaitGroup
	wg.Go(func() { records, aliasErr = l.ask(ctx, l.host, dns.TypeA) })
	addrs, err := l.lookup(ctx)
	wg.Wait()
	for _, family := range []struct {
		check, name string
		is          func(netip.Addr) bool
	}{{"a", "IPv4", netip.Addr.Is4}, {"aaaa", "IPv6", netip.Addr.Is6}} {
		have := slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return !family.is(a) })
		list := strings.Join(words(have), ", ")
		l.addrs = append(l.addrs, have[:min(len(have), perFamily)]...)
		s.First(family.check, report.Cases{
			{err != nil, skip, family.name + " addresses cannot be looked up: " + fmt.Sprint(err), ""},
			{list == "", good, "no " + family.name + " address", ""},
			{len(have) > perFamily, good, list + "; not all of them are examined", ""},
			{true, good, list, ""},
		})
	}
	path := l.host
	for _, r := range records {
		if alias, ok := r.(*dns.CNAME); ok {
			path += " → " + strings.TrimSuffix(alias.Target, ".")
		}
	}
	s.First("alias", report.Cases{
		{aliasErr != nil, skip, fmt.Sprint(aliasErr), ""},
		{path != l.host, good, path, ""},
	})
	if len(l.addrs) > 0 {
		l.reach(s)
		return
	}
	s.First("addresses", report.Cases{
		{err != nil, wrong, l.host + " cannot be looked up", "look at the name servers of the domain"},
		{true, wrong, l.host + " has no address",
			"add an A record with the server's IPv4 address, and an AAAA record if it has IPv6"},
	})
}

// lookup resolves a name as programs on this machine do, hosts file included.
func (l *look) lookup(ctx context.Context) ([]netip.Addr, error) {
	resolver := &net.Resolver{PreferGo: len(l.Resolvers) > 0}
	if resolver.PreferGo {
		resolver.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, l.Resolvers[0])
		}
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", l.host)
	if notFound, ok := errors.AsType[*net.DNSError](err); ok && notFound.IsNotFound {
		return nil, nil
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs), err
}

// reach reports whether clients can reach the addresses at all.
func (l *look) reach(s *report.Section) {
	var inside []string
	for _, a := range l.addrs {
		if kind(a) != "public" {
			inside = append(inside, a.String()+" ("+kind(a)+")")
		}
	}
	list := strings.Join(inside, ", ")
	s.First("reach", report.Cases{
		{list != "" && l.local(), good, "a private address, which fits the private name", ""},
		{len(inside) == len(l.addrs), warn, "neither visitors nor public CAs outside its network can reach " + list,
			"if the site is public, let A and AAAA hold the server's public addresses"},
		{list != "", wrong, "some visitors are sent to " + list + ", which can be reached from its own network only",
			"remove it from the public DNS"},
		{!slices.ContainsFunc(l.addrs, netip.Addr.Is4), warn, "visitors without IPv6 cannot come: there is no A record",
			"add one with an IPv4 address"},
	})
}

// systemResolvers returns the servers of a resolv.conf(5).
func systemResolvers(file string) (servers []string) {
	config, err := dns.ClientConfigFromFile(file)
	if err != nil {
		return nil
	}
	for _, server := range config.Servers {
		servers = append(servers, net.JoinHostPort(server, config.Port))
	}
	return servers
}

var errNoResolver = errors.New("this system does not say which DNS servers it uses")

// ask asks each resolver in turn until one answers. It returns the records of the answer, with the aliases that lead to
// them. No records are no error.
func (l *look) ask(ctx context.Context, name string, kind uint16) (records []dns.RR, err error) {
	if _, ok := dns.IsDomainName(name); !ok {
		return nil, fmt.Errorf("%q is not a name that DNS can hold", name)
	}
	err = errNoResolver
	for _, server := range l.resolvers {
		query := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind).SetEdns0(udpSize, false)
		if records, err = exchange(ctx, server, query); err == nil {
			return records, nil
		}
	}
	return nil, err
}

// exchange asks by UDP. It asks by TCP if UDP cannot carry the answer (RFC 7766), and also if what came is no answer to
// the question: any host can send a datagram (RFC 5452 §9.1).
func exchange(ctx context.Context, server string, query *dns.Msg) ([]dns.RR, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answer, _, err := (&dns.Client{}).ExchangeContext(ctx, query, server)
	_, malformed := errors.AsType[*dns.Error](err)
	if malformed || err == nil && (answer.Truncated || !fits(answer, query)) {
		answer, _, err = (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, query, server)
		_, malformed = errors.AsType[*dns.Error](err)
	}
	switch {
	case malformed:
		return nil, fmt.Errorf("the resolver's answer cannot be parsed: %w", err)
	case err != nil:
		return nil, err
	case !fits(answer, query):
		return nil, errors.New("the resolver's answer does not fit the question")
	case answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError:
		return nil, fmt.Errorf("the resolver answers %s (%d)", dns.RcodeToString[answer.Rcode], answer.Rcode)
	}
	return answer.Answer, nil
}

func fits(answer, query *dns.Msg) bool {
	return answer.Response && len(answer.Question) == 1 && answer.Question[0].Qtype == query.Question[0].Qtype &&
		strings.EqualFold(answer.Question[0].Name, query.Question[0].Name)
}
