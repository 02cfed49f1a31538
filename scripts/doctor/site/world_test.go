package site

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/dns/dnsmessage"

	"example.com/turnkey/scripts/doctor/report"
)

const (
	OK, Warn, Wrong, Skipped = report.OK, report.Warn, report.Wrong, report.Skipped // for tables that are read as such

	shop = "shop.example.com"
	v4   = "203.0.113.7"
	v6   = "2001:db8::7"
)

// world is a site on the internet as far as the doctor can tell: names in a DNS server, addresses that lead to servers
// on loopback, an authority that signed its certificate. A test spoils what it likes before the first look.
type world struct {
	t       *testing.T
	ca      *authority
	leaf    *x509.Certificate // template
	chain   func(leaf tls.Certificate) tls.Certificate
	tls     *tls.Config
	secure  http.Handler // nil: raw
	plain   http.Handler
	raw     func(net.Conn) // instead of secure
	rawHTTP func(net.Conn) // instead of plain
	dns     *nameServer
	quic    bool     // it is answered, too
	dead    []string // host:port that refuse
	silent  []string // host:port that never answer
	url     string

	mu    sync.Mutex
	dials []string
	from  map[string]string // by the visitor's end, what it dialled
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, from: map[string]string{}, ca: newAuthority(t, "Test", "Test Authority"), url: "https://" + shop, dns: newNameServer(t),
		leaf:  &x509.Certificate{DNSNames: []string{shop}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour)},
		chain: func(c tls.Certificate) tls.Certificate { return c },
		tls:   &tls.Config{},
		plain: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/.well-known/acme-challenge/") {
				http.NotFound(w, r)
				return
			}
			http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusPermanentRedirect)
		}),
		secure: page(func(http.Header) {}),
	}
	w.dns.add(shop, dnsmessage.TypeA, v4)
	w.dns.add(shop, dnsmessage.TypeAAAA, v6)
	return w
}

// page is a first page with every header in place but for what change does to them.
func page(change func(http.Header)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Strict-Transport-Security", "max-age=31536000")
		h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Add("Set-Cookie", "session=geheim; Secure; HttpOnly")
		change(h)
		io.WriteString(w, "hello")
	})
}

// look opens the servers and has the doctor look at them.
func (w *world) look() report.Report {
	w.t.Helper()
	o := w.open()
	start := time.Now()
	r, err := Look(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	if took := time.Since(start); took > 20*time.Second {
		w.t.Errorf("the look took %s, want 20 s at most", took)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.dials); n > 60 {
		w.t.Errorf("%d connections to the site, want 60 at most", n)
	}
	return r
}

func (w *world) open() Options {
	w.t.Helper()
	secure, plain := w.listen(), w.listen()
	w.serve(secure, plain)
	w.dns.serve()
	closed := w.listen()
	closed.Close()
	to := map[string]string{"443": secure.Addr().String(), "80": plain.Addr().String()}
	udp := w.serveQUIC()
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if network == "udp" {
			return net.Dial("udp", udp)
		}
		w.dials = append(w.dials, address)
		if slices.Contains(w.silent, address) { // as a firewall that drops
			w.mu.Unlock()
			<-ctx.Done()
			w.mu.Lock()
			return nil, ctx.Err()
		}
		_, port, _ := net.SplitHostPort(address)
		target := to[port]
		if slices.Contains(w.dead, address) || target == "" {
			target = closed.Addr().String()
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, target)
		if err == nil {
			w.from[conn.LocalAddr().String()] = address
		}
		return conn, err
	}
	o := Options{URL: w.url, Roots: []*x509.Certificate{w.ca.root}, Resolvers: []string{w.dns.addr}, Dial: dial,
		limits: usual}
	if len(w.silent) > 0 {
		o.limits.dial = time.Second
	}
	return o
}

// came is the address that a visitor dialled.
func (w *world) came(conn net.Conn) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.from[conn.RemoteAddr().String()]
}

// serve answers on both ports until the test ends.
func (w *world) serve(secure, plain net.Listener) {
	w.t.Helper()
	cert := w.chain(w.ca.issue(w.t, w.leaf))
	if w.tls.GetCertificate == nil {
		w.tls.Certificates = []tls.Certificate{cert}
	}
	if w.tls.NextProtos == nil {
		w.tls.NextProtos = []string{"h2", "http/1.1"}
	}
	quiet := log.New(io.Discard, "", 0)
	if w.raw != nil {
		go serveRaw(secure, w.raw)
	} else {
		s := &http.Server{Handler: w.secure, TLSConfig: w.tls.Clone(), ErrorLog: quiet} // net/http changes it
		go s.ServeTLS(secure, "", "")
		w.t.Cleanup(func() { s.Close() })
	}
	if w.rawHTTP != nil {
		go serveRaw(plain, w.rawHTTP)
	} else {
		s := &http.Server{Handler: w.plain, ErrorLog: quiet}
		go s.Serve(plain)
		w.t.Cleanup(func() { s.Close() })
	}
}

// serveQUIC returns an address at which QUIC is answered, if it is.
func (w *world) serveQUIC() string {
	w.t.Helper()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { udp.Close() })
	if w.quic {
		s := &http3.Server{Handler: w.secure, TLSConfig: w.tls}
		go s.Serve(udp)
		w.t.Cleanup(func() { s.Close() })
	}
	return udp.LocalAddr().String()
}

// https gives the site an HTTPS record.
func (w *world) https(alpn ...string) {
	data := []byte{0, 1, 0, 0, 1, 0, 0} // priority 1, target ".", key alpn
	for _, p := range alpn {
		data = append(append(data, byte(len(p))), p...)
	}
	data[6] = byte(len(data) - 7)
	w.dns.add(shop, typeHTTPS, string(data))
}

func (w *world) listen() net.Listener {
	w.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { ln.Close() })
	return ln
}

// serveRaw has each connection to itself until the listener closes.
func serveRaw(ln net.Listener, serve func(net.Conn)) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			serve(conn)
		}()
	}
}

// find is the worst check of a name in a group.
func find(t *testing.T, r report.Report, group, name string) report.Finding {
	t.Helper()
	rank := []report.State{Skipped, OK, Warn, Wrong}
	worst := report.Finding{}
	for _, c := range r.Checks {
		if c.Group == group && c.Name == name && (worst.Name == "" || slices.Index(rank, c.State) > slices.Index(rank, worst.State)) {
			worst = c
		}
	}
	if worst.Name == "" {
		t.Fatalf("no check %s/%s in %+v", group, name, r.Checks)
	}
	return worst
}

// authority is a root and an intermediate that signs.
type authority struct {
	root, issuer *x509.Certificate
	rootKey, key *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, org, name string) *authority {
	t.Helper()
	template := func(cn string) *x509.Certificate {
		return &x509.Certificate{
			Subject: pkix.Name{Organization: []string{org}, CommonName: cn}, NotBefore: time.Now().Add(-5 * 365 * 24 * time.Hour),
			NotAfter: time.Now().Add(5 * 365 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
	}
	rootKey, key := newKey(t), newKey(t)
	root := sign(t, template(name+" Root"), nil, rootKey, rootKey)
	return &authority{root, sign(t, template(name+" R1"), root, key, rootKey), rootKey, key}
}

// issue signs a leaf; the chain comes with it, without the root.
func (a *authority) issue(t *testing.T, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key := newKey(t)
	leaf := sign(t, template, a.issuer, key, a.key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, a.issuer.Raw}, PrivateKey: key, Leaf: leaf}
}

func sign(t *testing.T, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template.SerialNumber, _ = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// nameServer answers on UDP and TCP at one loopback port. Its messages are made by another library than the doctor's.
type nameServer struct {
	addr string
	udp  net.PacketConn
	on   net.Listener

	mu       sync.Mutex
	records  map[string][]dnsmessage.Resource // by name and type
	fails    map[dnsmessage.Type]bool         // SERVFAIL
	truncate bool                             // over UDP
	forge    bool                             // a datagram with another ID comes first, and one that is none of DNS
	tcp      int                              // questions over TCP
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	s := &nameServer{records: map[string][]dnsmessage.Resource{}, fails: map[dnsmessage.Type]bool{}}
	var udp net.PacketConn
	var tcp net.Listener
	for range 20 { // until a port is free for both
		var err error
		if udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if tcp, err = net.Listen("tcp", udp.LocalAddr().String()); err == nil {
			break
		}
		udp.Close()
	}
	if tcp == nil {
		t.Fatal("no port is free for UDP and TCP")
	}
	t.Cleanup(func() { udp.Close(); tcp.Close() })
	s.addr, s.udp, s.on = udp.LocalAddr().String(), udp, tcp
	return s
}

// serve begins to answer; from then on records may change, and nothing else.
func (s *nameServer) serve() {
	udp := s.udp
	go func() {
		for buf := make([]byte, 4096); ; {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			if s.forge {
				forged := s.answer(buf[:n], true)
				forged[0] ^= 0xff
				forged[3] |= byte(dnsmessage.RCodeServerFailure)
				udp.WriteTo(forged, from)
				udp.WriteTo([]byte("no DNS message"), from)
			}
			udp.WriteTo(s.answer(buf[:n], true), from)
		}
	}()
	go serveRaw(s.on, func(conn net.Conn) {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		s.mu.Lock()
		s.tcp++
		s.mu.Unlock()
		answer := s.answer(query, false)
		conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	})
}

func slot(name string, kind dnsmessage.Type) string {
	return fmt.Sprint(strings.ToLower(strings.TrimSuffix(name, ".")), " ", kind)
}

// add gives a name a record: an address, a name for CNAME, data for CAA.
func (s *nameServer) add(name string, kind dnsmessage.Type, value string) {
	h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name + "."), Type: kind, Class: dnsmessage.ClassINET, TTL: 60}
	var body dnsmessage.ResourceBody
	switch kind {
	case dnsmessage.TypeA:
		body = &dnsmessage.AResource{A: [4]byte(net.ParseIP(value).To4())}
	case dnsmessage.TypeAAAA:
		body = &dnsmessage.AAAAResource{AAAA: [16]byte(net.ParseIP(value).To16())}
	case dnsmessage.TypeCNAME:
		body = &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(value + ".")}
	default:
		body = &dnsmessage.UnknownResource{Type: kind, Data: []byte(value)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[slot(name, kind)] = append(s.records[slot(name, kind)], dnsmessage.Resource{Header: h, Body: body})
}

func (s *nameServer) remove(name string, kind dnsmessage.Type) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.records, func(k string, _ []dnsmessage.Resource) bool { return k == slot(name, kind) })
}

const ( // which dnsmessage does not know
	typeCAA   dnsmessage.Type = 257
	typeHTTPS dnsmessage.Type = 65
)

// caa is the data of a record.
func caa(flags byte, tag, value string) string {
	return string([]byte{flags, byte(len(tag))}) + tag + value
}

func (s *nameServer) answer(query []byte, udp bool) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return make([]byte, 2)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := m.Questions[0]
	out := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
	name := q.Name.String()
	for range 5 {
		alias := s.records[slot(name, dnsmessage.TypeCNAME)]
		if len(alias) == 0 {
			break
		}
		out.Answers = append(out.Answers, alias[0])
		name = alias[0].Body.(*dnsmessage.CNAMEResource).CNAME.String()
	}
	out.Answers = append(out.Answers, s.records[slot(name, q.Type)]...)
	if s.fails[q.Type] {
		out.RCode, out.Answers = dnsmessage.RCodeServerFailure, nil
	}
	if udp && s.truncate {
		out.Truncated, out.Answers = true, nil
	}
	packed, err := out.Pack()
	if err != nil {
		panic(err)
	}
	return packed
}
