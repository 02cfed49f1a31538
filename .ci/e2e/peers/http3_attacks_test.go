package peers

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"example.com/turnkey/e2e/rig"
)

// Whatever clients of HTTP/3 send, visitors over TCP are served, memory stays small and is given back, and the log stays
// quiet. Connections of earlier rows stay open during the next.
func TestAttacksOverQUICHarmNobody(t *testing.T) {
	t.Parallel()
	s := startQUIC(t, shop)
	a := &attacker{T: t, addr: rig.Loopback(s.port), config: &tls.Config{ServerName: shop, NextProtos: []string{"h3"},
		RootCAs: rig.Pool(t, rig.Read(t, s.root))}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begin := s.metric(t, "go_goroutines")
	var visits atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		visitor := rig.VisitorWith(&tls.Config{ServerName: shop, RootCAs: a.config.RootCAs})
		for ctx.Err() == nil {
			answer, err := rig.Try(visitor, rig.Request{URL: "https://" + a.addr + "/", Host: shop})
			if err != nil || answer.StatusCode != http.StatusOK {
				if ctx.Err() == nil {
					t.Errorf("a visitor over TCP gets %v %v", answer.Response, err)
				}
				return
			}
			visits.Add(1)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	for _, attack := range []struct {
		name string
		f    func()
	}{
		{"datagrams of garbage", a.garbage},
		{"handshakes that are not continued", a.flood},
		{"streams without a whole header", a.headless},
		{"answers that are not read", a.slowReads},
		{"requests that are reset", a.resets},
		{"streams of an unknown type", a.unknownStreams},
		{"a control stream against the rules", a.misuse},
		{"headers that are too large", a.largeHeaders},
		{"a body without an end", a.endless},
		{"a protocol that is too long", a.connect},
		{"another address", a.moves},
	} {
		before := visits.Load()
		if attack.f(); visits.Load() == before {
			rig.Eventually(t, 5*time.Second, "a visit during: "+attack.name, func() bool { return visits.Load() > before })
		}
		t.Logf("%-36s %3d visits, %4d goroutines, %3d MiB", attack.name, visits.Load()-before,
			s.metric(t, "go_goroutines"), s.metric(t, "go_memstats_sys_bytes")>>20)
	}
	cancel()
	<-ended
	if mib := s.metric(t, "go_memstats_sys_bytes") >> 20; mib > 200 {
		t.Errorf("Go has taken %d MiB of memory", mib)
	}
	for _, conn := range a.open {
		conn.CloseWithError(0, "")
	}
	rig.Eventually(t, 20*time.Second, "the end of all goroutines", func() bool {
		return s.metric(t, "go_goroutines") < begin+10
	})
	for _, line := range s.Logged(func(map[string]any) bool { return true }) {
		proto, request := line["proto"].(string)
		if line["level"] != "INFO" && line["msg"] != "a note on the certificate" || request && len(proto) != len("HTTP/3.0") {
			t.Errorf("the log has %.500s", fmt.Sprint(line))
		}
	}
}

// A process that was killed has closed no connection. The next one resets them, even if the certificate was renewed.
func TestConnectionsAreResetAfterACrashAndARenewal(t *testing.T) {
	t.Parallel()
	https, plain := rig.Port(t), rig.Port(t)
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: https, HTTPPort: plain})
	dir, cache := t.TempDir(), t.TempDir()
	env := rig.Env{"ENV": "prod", "DOMAINS": shop, "HTTP3": "on", "HTTPS_ADDR": rig.Loopback(https),
		"HTTP_ADDR": rig.Loopback(plain), "ACME_DIRECTORY": pebble.Directory, "ACME_CA_FILE": pebble.CAFile,
		"ACME_CACHE": cache}
	config := &tls.Config{ServerName: shop, RootCAs: pebble.Roots(t), NextProtos: []string{"h3"}}
	a := &attacker{T: t, addr: rig.Loopback(https), config: config}
	start := func() (p *rig.Product, conn *quic.Conn) {
		p = rig.Start(t, dir, env)
		rig.Eventually(t, time.Minute, "an answer over QUIC", func() (ok bool) {
			conn, _ = a.try(&quic.Config{MaxIdleTimeout: 2 * time.Minute}) // the machine may be busy meanwhile
			return conn != nil
		})
		return p, conn
	}
	p, old := start()
	p.Signal(t, os.Kill)
	p.ExitCode(t, 10*time.Second)
	files, err := filepath.Glob(filepath.Join(cache, "*", shop+"*"))
	if err != nil || len(files) == 0 {
		t.Fatal("the store has no certificate", err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	_, next := start()
	if leaf(next).Equal(leaf(old)) {
		t.Fatal("the certificate is the old one, so this tells nothing")
	}
	sent := time.Now()
	str, err := old.OpenStream()
	if err == nil {
		str.Write(request("GET", "/connection", "x-long", strings.Repeat("x", 100)))
	}
	select {
	case <-old.Context().Done():
	case <-time.After(5 * time.Second):
	}
	cause := context.Cause(old.Context())
	if _, ok := errors.AsType[*quic.StatelessResetError](cause); !ok {
		t.Errorf("after %s the connection has ended with: %v; want a reset at once", time.Since(sent), cause)
	}
}

// Helpers

func leaf(conn *quic.Conn) *x509.Certificate { return conn.ConnectionState().TLS.PeerCertificates[0] }

// metric returns one of the site's metrics.
func (s quicSite) metric(t *testing.T, name string) int {
	t.Helper()
	answer := rig.Get(t, http.DefaultClient, "http://"+s.admin+"/metrics")
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(answer.Body)
	if m == nil {
		t.Fatalf("no metric %s", name)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// attacker is a client that does what none should.
type attacker struct {
	*testing.T
	addr   string
	config *tls.Config
	open   []*quic.Conn
}

// try opens a connection.
func (a *attacker) try(options *quic.Config) (*quic.Conn, error) {
	ctx, cancel := context.WithTimeout(a.Context(), 10*time.Second)
	defer cancel()
	return quic.DialAddr(ctx, a.addr, a.config, options)
}

// dial opens a connection that stays open, with a control stream.
func (a *attacker) dial(options *quic.Config) (*quic.Conn, *quic.SendStream) {
	a.Helper()
	conn, err := a.try(options)
	if err != nil {
		a.Fatal(err)
	}
	a.open = append(a.open, conn)
	control, err := conn.OpenUniStream()
	if err != nil {
		a.Fatal(err)
	}
	control.Write([]byte{0, 4, 0}) // its type, and SETTINGS without a setting
	return conn, control
}

// request returns the frame of a request's header.
func request(method, path string, fields ...string) []byte {
	var block bytes.Buffer
	e := qpack.NewEncoder(&block)
	fields = append([]string{":method", method, ":scheme", "https", ":authority", shop, ":path", path}, fields...)
	for i := 0; i < len(fields); i += 2 {
		e.WriteField(qpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return append(quicvarint.Append([]byte{1}, uint64(block.Len())), block.Bytes()...)
}

// ask sends what it is given on a new stream, and returns the status of the answer.
func (a *attacker) ask(conn *quic.Conn, frames ...[]byte) string {
	a.Helper()
	str, err := conn.OpenStreamSync(a.Context())
	if err != nil {
		a.Fatal(err)
	}
	str.SetDeadline(time.Now().Add(10 * time.Second))
	for _, frame := range frames {
		str.Write(frame) // the server may have read enough
	}
	str.Close()
	in := quicvarint.NewReader(str)
	if kind, err := quicvarint.Read(in); kind != 1 || err != nil {
		return fmt.Sprintf("a frame of type %d, %v", kind, err)
	}
	n, _ := quicvarint.Read(in)
	block := make([]byte, n)
	io.ReadFull(in, block)
	field, err := qpack.NewDecoder().Decode(block)()
	if err != nil {
		return err.Error()
	}
	return field.Value
}

// garbage sends datagrams that look like several kinds of packets.
func (a *attacker) garbage() {
	conn, err := net.Dial("udp", a.addr)
	if err != nil {
		a.Fatal(err)
	}
	defer conn.Close()
	b := make([]byte, 1350)
	for i := range 20000 {
		rand.Read(b[:64])
		head := [][]byte{{0x40}, {0xc3, 0, 0, 0, 1, 8}, {0xc3, 0x1a, 0x2a, 0x3a, 0x4a, 8}, {0xe3, 0, 0, 0, 1, 8}, {}}[i%5]
		copy(b, head)
		conn.Write(b[:64+i%1286])
	}
}

// flood begins handshakes as one does whose address is not his own: he gets no answer. Honest clients get through.
func (a *attacker) flood() {
	to, err := net.ResolveUDPAddr("udp", a.addr)
	if err != nil {
		a.Fatal(err)
	}
	for range 300 {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			a.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(a.Context(), 5*time.Millisecond)
		quic.Dial(ctx, deaf{conn}, to, a.config, nil)
		cancel()
		conn.Close()
	}
	conn, _ := a.dial(nil)
	if status := a.ask(conn, request("GET", "/")); status != "200" {
		a.Errorf("an honest client is answered %s", status)
	}
}

// deaf loses each packet that arrives.
type deaf struct{ net.PacketConn }

func (d deaf) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		if _, _, err := d.PacketConn.ReadFrom(b); err != nil {
			return 0, nil, err
		}
	}
}

func (a *attacker) headless() {
	for range 10 {
		conn, _ := a.dial(nil)
		for range 100 {
			str, err := conn.OpenStream()
			if err != nil {
				a.Fatal(err)
			}
			str.Write(request("GET", "/")[:4])
		}
	}
}

// slowReads requests pages, and takes a byte of each.
func (a *attacker) slowReads() {
	for range 5 {
		conn, _ := a.dial(&quic.Config{InitialStreamReceiveWindow: 1, MaxStreamReceiveWindow: 1})
		for range 99 {
			str, err := conn.OpenStream()
			if err != nil {
				a.Fatal(err)
			}
			str.Write(request("GET", "/connection"))
			str.Close()
		}
	}
}

func (a *attacker) resets() {
	conn, _ := a.dial(nil)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		str, err := conn.OpenStreamSync(a.Context())
		if err != nil {
			a.Fatal(err)
		}
		str.Write(request("GET", "/"))
		if str.StreamID()%16 == 0 {
			time.Sleep(time.Millisecond) // for the header to arrive before the reset
		}
		str.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
		str.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	}
	if status := a.ask(conn, request("GET", "/")); status != "200" {
		a.Errorf("a request after those that were reset is answered %s", status)
	}
}

func (a *attacker) unknownStreams() {
	conn, _ := a.dial(nil)
	for range 2000 {
		str, err := conn.OpenUniStreamSync(a.Context())
		if err != nil {
			a.Fatal(err)
		}
		str.Write([]byte{0x21}) // reserved (RFC 9114 §6.2.3)
		str.Close()
	}
}

func (a *attacker) misuse() {
	for sent, code := range map[string]http3.ErrCode{
		"\x00\x07\x01\x00":         http3.ErrCodeMissingSettings,     // GOAWAY comes first
		"\x00\x04\x00\x04\x00":     http3.ErrCodeFrameUnexpected,     // SETTINGS twice
		"\x00\x04\x00\x00\x01x":    http3.ErrCodeFrameUnexpected,     // DATA
		"\x00\x04\x00\x02\x00":     http3.ErrCodeFrameUnexpected,     // of HTTP/2
		"\x00\x04\xbf\xff\xff\xff": http3.ErrCodeFrameError,          // SETTINGS of 1 GiB
		"\x01":                     http3.ErrCodeStreamCreationError, // a push
	} {
		conn, err := a.try(nil)
		if err != nil {
			a.Fatal(err)
		}
		str, err := conn.OpenUniStream()
		if err != nil {
			a.Fatal(err)
		}
		str.Write([]byte(sent))
		a.endsWith(conn, code)
	}
	conn, control := a.dial(nil)
	control.Close()
	a.endsWith(conn, http3.ErrCodeClosedCriticalStream)
}

func (a *attacker) endsWith(conn *quic.Conn, code http3.ErrCode) {
	a.Helper()
	select {
	case <-conn.Context().Done():
	case <-time.After(5 * time.Second):
	}
	end, ok := errors.AsType[*quic.ApplicationError](context.Cause(conn.Context()))
	if !ok || http3.ErrCode(end.ErrorCode) != code {
		a.Errorf("a connection ends with %v, want %s", context.Cause(conn.Context()), code)
	}
}

func (a *attacker) largeHeaders() {
	conn, _ := a.dial(nil)
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprintf("x-%d", i), "")
	}
	for name, fields := range map[string][]string{"one": {"x-a", strings.Repeat("\x01", 1<<20)}, "many": many} {
		if status := a.ask(conn, request("GET", "/", fields...)); status != "431" {
			a.Errorf("%s large: %s, want 431", name, status)
		}
	}
}

func (a *attacker) endless() {
	conn, _ := a.dial(nil)
	data := append(quicvarint.Append([]byte{0}, 1<<40), bytes.Repeat([]byte("a"), 4<<20)...)
	form := request("POST", "/notes", "content-type", "application/x-www-form-urlencoded")
	if status := a.ask(conn, form, append(data, "text="...)); status != "413" {
		a.Errorf("a body without an end is answered %s, want 413", status)
	}
}

// connect names a protocol, as for WebSockets over HTTP/3 (RFC 9220).
func (a *attacker) connect() {
	conn, _ := a.dial(nil)
	if status := a.ask(conn, request("CONNECT", "/", ":protocol", strings.Repeat("x", 60<<10))); status != "405" {
		a.Errorf("a long protocol: %s, want 405", status)
	}
}

// moves goes on from another address, as phones do that leave a WiFi. The site believes the new address once its client
// receives packets there.
func (a *attacker) moves() {
	to, err := net.ResolveUDPAddr("udp", a.addr)
	if err != nil {
		a.Fatal(err)
	}
	transport := func() *quic.Transport {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			a.Fatal(err)
		}
		a.Cleanup(func() { conn.Close() })
		return &quic.Transport{Conn: conn, ConnectionIDLength: 8}
	}
	conn, err := transport().Dial(a.Context(), to, a.config, nil)
	if err != nil {
		a.Fatal(err)
	}
	a.open = append(a.open, conn)
	path, err := conn.AddPath(transport())
	if err != nil {
		a.Fatal(err)
	}
	if err := errors.Join(path.Probe(a.Context()), path.Switch()); err != nil {
		a.Fatal(err)
	}
	if status := a.ask(conn, request("GET", "/")); status != "200" {
		a.Errorf("after a move the answer is %s", status)
	}
}
