package site

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	askTime = 1500 * time.Millisecond // for one question to one server
	udpSize = 1232                    // bytes that pass everywhere in one piece (dnsflagday.net/2020)
)

// systemResolvers are the servers of resolv.conf(5), three at most as there. Windows has no such file.
func systemResolvers() []string {
	data, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	return parseResolvers(string(data))
}

func parseResolvers(conf string) (servers []string) {
	for line := range strings.Lines(conf) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "nameserver" || len(servers) == 3 {
			continue
		}
		if addr, err := netip.ParseAddr(fields[1]); err == nil {
			servers = append(servers, netip.AddrPortFrom(addr, 53).String())
		}
	}
	return servers
}

var errNoResolver = errors.New("this system does not say which DNS servers it uses")

// ask puts one question to each resolver in turn until one answers. The records are those that name has, by way of
// its aliases, which come beside them in their order. No records are no error.
func (l *look) ask(ctx context.Context, name string, kind dnsmessage.Type) (records []dnsmessage.Resource, aliases []string, err error) {
	qname, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return nil, nil, fmt.Errorf("%q is too long for DNS", name)
	}
	question := dnsmessage.Question{Name: qname, Type: kind, Class: dnsmessage.ClassINET}
	err = errNoResolver
	for _, server := range l.resolvers {
		var answer dnsmessage.Message
		if answer, err = exchange(ctx, server, question); err != nil {
			continue
		}
		if code := answer.RCode; code != dnsmessage.RCodeSuccess && code != dnsmessage.RCodeNameError {
			err = fmt.Errorf("the resolver answers %s", strings.TrimPrefix(code.String(), "RCode"))
			continue
		}
		records, aliases = follow(answer.Answers, name, kind)
		return records, aliases, nil
	}
	return nil, nil, err
}

// follow goes along the aliases from name to the records of kind.
func follow(answers []dnsmessage.Resource, name string, kind dnsmessage.Type) (records []dnsmessage.Resource, aliases []string) {
	owner := canonical(name)
	for range answers { // longer than that is a circle
		next := ""
		for _, r := range answers {
			if alias, ok := r.Body.(*dnsmessage.CNAMEResource); ok && canonical(r.Header.Name.String()) == owner {
				next = canonical(alias.CNAME.String())
			}
		}
		if next == "" {
			break
		}
		owner, aliases = next, append(aliases, next)
	}
	for _, r := range answers {
		if r.Header.Type == kind && canonical(r.Header.Name.String()) == owner {
			records = append(records, r)
		}
	}
	return records, aliases
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// exchange asks by UDP, and by TCP for what does not fit into that (RFC 7766).
func exchange(ctx context.Context, server string, question dnsmessage.Question) (dnsmessage.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: true},
		Questions: []dnsmessage.Question{question},
	}
	var opt dnsmessage.ResourceHeader
	if err := opt.SetEDNS0(udpSize, dnsmessage.RCodeSuccess, false); err != nil {
		return dnsmessage.Message{}, err
	}
	query.Additionals = []dnsmessage.Resource{{Header: opt, Body: &dnsmessage.OPTResource{}}}
	packed, err := query.Pack()
	if err != nil {
		return dnsmessage.Message{}, err
	}
	answer, err := transact(ctx, "udp", server, query, packed)
	if err == nil && answer.Truncated {
		framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)
		answer, err = transact(ctx, "tcp", server, query, framed)
	}
	return answer, err
}

// transact sends one query and waits for what answers it. Anybody can send a datagram: what does not fit the question
// is no answer to it (RFC 5452 §9.1).
func transact(ctx context.Context, network, server string, query dnsmessage.Message, packed []byte) (dnsmessage.Message, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, server)
	if err != nil {
		return dnsmessage.Message{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(packed); err != nil {
		return dnsmessage.Message{}, err
	}
	for buf := make([]byte, 1<<16); ; {
		data, err := receive(conn, network, buf)
		if err != nil {
			return dnsmessage.Message{}, err
		}
		var answer dnsmessage.Message
		if unpackErr := answer.Unpack(data); unpackErr == nil && answers(answer, query) {
			return answer, nil
		}
		if network == "tcp" {
			return dnsmessage.Message{}, errors.New("the resolver's answer does not fit the question")
		}
	}
}

func receive(conn net.Conn, network string, buf []byte) ([]byte, error) {
	if network == "tcp" {
		if _, err := io.ReadFull(conn, buf[:2]); err != nil {
			return nil, err
		}
		buf = buf[:binary.BigEndian.Uint16(buf)]
		_, err := io.ReadFull(conn, buf)
		return buf, err
	}
	n, err := conn.Read(buf)
	return buf[:n], err
}

func answers(answer, query dnsmessage.Message) bool {
	return answer.Response && answer.ID == query.ID && len(answer.Questions) == 1 &&
		answer.Questions[0].Type == query.Questions[0].Type &&
		canonical(answer.Questions[0].Name.String()) == canonical(query.Questions[0].Name.String())
}
