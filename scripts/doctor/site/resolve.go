package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	askTime = 1500 * time.Millisecond // for one question to one server
	udpSize = 1232                    // bytes that pass everywhere in one piece (dnsflagday.net/2020)
)

// systemResolvers returns the servers of resolv.conf(5), three at most as documented there. Windows has no such file.
func systemResolvers() []string {
	data, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	return parseResolvers(string(data))
}

func parseResolvers(conf string) (servers []string) {
	config, err := dns.ClientConfigFromReader(strings.NewReader(conf))
	if err != nil {
		return nil
	}
	for _, server := range config.Servers {
		if addr, err := netip.ParseAddr(server); err == nil && len(servers) < 3 {
			servers = append(servers, netip.AddrPortFrom(addr, 53).String())
		}
	}
	return servers
}

var errNoResolver = errors.New("this system does not say which DNS servers it uses")

// ask asks each resolver in turn until one answers. It returns the records that name has, by way of its aliases, which
// the answer contains in their order. No records are no error.
func (l *look) ask(ctx context.Context, name string, kind uint16) (records []dns.RR, aliases []string, err error) {
	if _, ok := dns.IsDomainName(name); !ok {
		return nil, nil, fmt.Errorf("%q is not a name that DNS can hold", name)
	}
	err = errNoResolver
	for _, server := range l.resolvers {
		var answer *dns.Msg
		if answer, err = exchange(ctx, server, name, kind); err != nil {
			continue
		}
		if code := answer.Rcode; code != dns.RcodeSuccess && code != dns.RcodeNameError {
			err = fmt.Errorf("the resolver answers %s", cmp.Or(dns.RcodeToString[code], strconv.Itoa(code)))
			continue
		}
		records, aliases = follow(answer.Answer, name, kind)
		return records, aliases, nil
	}
	return nil, nil, err
}

// follow follows the aliases from name to the records of kind.
func follow(answers []dns.RR, name string, kind uint16) (records []dns.RR, aliases []string) {
	owner := canonical(name)
	for range answers { // a longer chain has a loop
		next := ""
		for _, r := range answers {
			if alias, ok := r.(*dns.CNAME); ok && canonical(alias.Hdr.Name) == owner {
				next = canonical(alias.Target)
			}
		}
		if next == "" {
			break
		}
		owner, aliases = next, append(aliases, next)
	}
	for _, r := range answers {
		if h := r.Header(); h.Rrtype == kind && canonical(h.Name) == owner {
			records = append(records, r)
		}
	}
	return records, aliases
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// exchange asks by UDP, and by TCP for an answer that UDP cannot carry (RFC 7766).
func exchange(ctx context.Context, server, name string, kind uint16) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	query := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind).SetEdns0(udpSize, false)
	answer, err := transact(ctx, "udp", server, query)
	if err == nil && answer.Truncated {
		answer, err = transact(ctx, "tcp", server, query)
	}
	return answer, err
}

// transact sends one query and waits for its answer until ctx is done. dns.Client would accept any datagram that has
// the query's ID, and stop at the first one that it cannot parse. Any host can send a datagram, so those that do not
// match the question are ignored (RFC 5452 §9.1).
func transact(ctx context.Context, network, server string, query *dns.Msg) (*dns.Msg, error) {
	client := dns.Client{Net: network}
	conn, err := client.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := conn.WriteMsg(query); err != nil {
		return nil, err
	}
	for buf := make([]byte, dns.MaxMsgSize); ; {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		var answer dns.Msg
		err = answer.Unpack(buf[:n])
		switch fits := answers(&answer, query); {
		case fits && err != nil:
			return nil, fmt.Errorf("the resolver's answer cannot be parsed: %w", err)
		case fits:
			return &answer, nil
		case network == "tcp":
			return nil, errors.New("the resolver's answer does not fit the question")
		}
	}
}

func answers(answer, query *dns.Msg) bool {
	return answer.Response && answer.Id == query.Id && len(answer.Question) == 1 &&
		answer.Question[0].Qtype == query.Question[0].Qtype &&
		canonical(answer.Question[0].Name) == canonical(query.Question[0].Name)
}
