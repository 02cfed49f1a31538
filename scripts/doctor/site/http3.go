package site

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"

	"example.com/turnkey/scripts/doctor/report"
)

const quicTime = 4 * time.Second // for a handshake

// altSvcH3 finds the port at which a value of Alt-Svc offers HTTP/3 on the same host (RFC 7838 §3).
var altSvcH3 = regexp.MustCompile(`(?:^|[,\s])h3=":(\d{1,5})"`)

// http3 checks whether QUIC is answered where a response or the DNS offers it. The header is that of a response. It may
// be nil.
func (l *look) http3(ctx context.Context, s *report.Section, header http.Header) {
	port, offered := l.httpsPort, false
	if m := altSvcH3.FindStringSubmatch(strings.Join(header.Values("Alt-Svc"), ",")); m != nil {
		port, _ = strconv.Atoi(m[1])
		offered = true
	}
	record, err := l.httpsRecord(ctx)
	if !offered && !record {
		s.OK("http3", "not offered")
		return
	}
	silent := l.withoutQUIC(ctx, port)
	where := fmt.Sprintf("UDP port %d", port)
	deaf := "nothing answers QUIC on " + where + " of " + strings.Join(silent, ", ")
	openIt := fmt.Sprintf("if this network lets UDP out, let %s in there: in the machine's firewall (ufw allow %d/udp), "+
		"in the provider's, in Docker's ports (with /udp); ", where, port)
	s.First("http3", report.Cases{
		{len(silent) > 0 && offered, warn, "offered, but " + deaf + "; browsers go on over HTTP/2",
			openIt + "or stop offering it: for a site of this project, remove HTTP3"},
		{len(silent) > 0, warn, "the HTTPS record in DNS promises it, but " + deaf, openIt + "or remove h3 from the record"},
		{true, good, "answers on " + where, ""},
	})
	s.First("https-record", report.Cases{
		{err != nil, skip, "cannot be determined: " + part(fmt.Sprint(err)), ""},
		{record, good, "the DNS tells browsers of HTTP/3 before their first visit", ""},
		{l.named(), report.Note, "the DNS does not tell of HTTP/3, so a first visit is over HTTP/2",
			"add an HTTPS record (RFC 9460), if your DNS has this type: " + l.recordName() + `. HTTPS 1 . alpn="h3,h2"`},
	})
}

// httpsRecord reports whether the site's HTTPS record offers HTTP/3.
func (l *look) httpsRecord(ctx context.Context) (h3 bool, err error) {
	if !l.named() {
		return false, nil
	}
	records, err := l.ask(ctx, l.recordName(), dns.TypeHTTPS)
	for _, r := range records {
		if https, ok := r.(*dns.HTTPS); ok {
			for _, value := range https.Value {
				alpn, ok := value.(*dns.SVCBAlpn)
				h3 = h3 || ok && slices.Contains(alpn.Alpn, "h3")
			}
		}
	}
	return h3, err
}

// named reports whether the site has a name in the public DNS.
func (l *look) named() bool { return !l.local() && !l.addr.IsValid() }

// recordName returns the name that the HTTPS record has (RFC 9460 §9.1).
func (l *look) recordName() string {
	if l.httpsPort != 443 {
		return fmt.Sprintf("_%d._https.%s", l.httpsPort, l.host)
	}
	return l.host
}

// withoutQUIC returns the addresses at which no QUIC handshake succeeds.
func (l *look) withoutQUIC(ctx context.Context, port int) (silent []string) {
	ctx, cancel := context.WithTimeout(ctx, quicTime)
	defer cancel()
	answers := make([]bool, len(l.https))
	var wg sync.WaitGroup
	for i, at := range l.https {
		wg.Go(func() { answers[i] = l.speaksQUIC(ctx, at.addr, port) })
	}
	wg.Wait()
	for i, at := range l.https {
		if !answers[i] {
			silent = append(silent, at.addr.String())
		}
	}
	return silent
}

func (l *look) speaksQUIC(ctx context.Context, addr netip.Addr, port int) bool {
	probe, err := l.Dial(ctx, "udp", net.JoinHostPort(addr.String(), strconv.Itoa(port))) // sends nothing
	if err != nil {
		return false
	}
	probe.Close()
	config := l.config()
	config.MinVersion, config.NextProtos = tls.VersionTLS13, []string{"h3"}
	conn, err := quic.DialAddr(ctx, probe.RemoteAddr().String(), config, nil)
	if err != nil {
		return false
	}
	conn.CloseWithError(0x100, "") // H3_NO_ERROR
	return true
}
