package command_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/internal/testcert"
	"example.com/turnkey/app/kit"
)

var prodHTTP3 = with(prod, "HTTP3", "on")

// echo answers with what a handler reads, and events ends with the stop.
func echo(r *gin.Engine) {
	r.POST("/echo", kit.E(func(c *gin.Context) error {
		data, err := io.ReadAll(c.Request.Body)
		if err == nil {
			c.Data(200, "text/plain", data)
		}
		return err
	}))
	r.DELETE("/note", kit.E(func(c *gin.Context) error {
		var in struct {
			ID int `form:"id"`
		}
		if err := kit.Bind(c, &in); err != nil {
			return err
		}
		c.String(200, "%d", in.ID)
		return nil
	}))
	r.GET("/stream", func(c *gin.Context) {
		for i := 0; c.Stream(func(w io.Writer) bool { fmt.Fprintln(w, i); i++; return i < 3 }); {
		}
	})
	r.GET("/events", kit.E(func(c *gin.Context) error {
		c.Header("Connection", "keep-alive") // as many examples of event streams do
		if err := kit.Stream(c); err != nil {
			return err
		}
		for i := range 3 {
			if err := kit.Event(c, "tick", i); err != nil {
				return err
			}
		}
		<-c.Request.Context().Done()
		return nil
	}))
}

func TestARequestOverQUICIsAnsweredAsOverTCP(t *testing.T) {
	t.Parallel()
	s := start(t, prodHTTP3, echo)
	h3 := s.overQUIC()
	for _, r := range []struct {
		method, url, body string
		headers           []string
		status            int
	}{
		{"GET", "/", "", nil, 200},
		{"HEAD", "/", "", nil, 200},
		{"GET", "/stream", "", nil, 200},
		{"GET", "/none", "", nil, 404},
		{"GET", "/seen", "", []string{"Content-Type", "application/yaml"}, 200},
		{"PUT", "/", "", nil, 405},
		{"POST", "/echo", "hello", []string{"Content-Type", "text/plain"}, 200},
		{"POST", "/echo", "", nil, 200},
		{"POST", "/echo", "a: b", []string{"Content-Type", "application/yaml"}, 415},
		{"POST", "/echo", strings.Repeat("x", 1<<20+1), []string{"Content-Type", "text/plain"}, 413},
		{"POST", "/echo", "x", []string{"Content-Type", "text/plain", "Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site"}, 403},
		{"DELETE", "/note?id=7", "", nil, 200},
		{"GET", "/", "", []string{"Host", "evil.test"}, 421},
		{"GET", "/", "", []string{"X-Forwarded-For", "192.0.2.1"}, 200},
	} {
		overTCP, bodyTCP := ask(t, s.client, r.method, "https://shop.test"+r.url, r.body, r.headers...)
		resp, body := ask(t, h3, r.method, "https://shop.test"+r.url, r.body, r.headers...)
		if resp.ProtoMajor != 3 || resp.StatusCode != r.status || overTCP.StatusCode != r.status {
			t.Errorf("%s %s: %s %d, over TCP %d, want %d", r.method, r.url, resp.Proto, resp.StatusCode, overTCP.StatusCode, r.status)
		}
		if r.status == 200 && strings.Count(r.url, "/") == 1 && r.url != "/" && r.url != "/seen" && body != bodyTCP {
			t.Errorf("%s %s: the body is\n%s\nover TCP\n%s", r.method, r.url, body, bodyTCP)
		}
		for name := range overTCP.Header {
			switch got := resp.Header[name]; name {
			case "X-Request-Id", "Date", "Content-Length":
				if len(got) != 1 && name != "Content-Length" {
					t.Errorf("%s %s: %s is %q", r.method, r.url, name, got)
				}
			default:
				if !slices.Equal(got, overTCP.Header[name]) {
					t.Errorf("%s %s: %s is %q, over TCP %q", r.method, r.url, name, got, overTCP.Header[name])
				}
			}
		}
		line := s.logged("request", "request_id", resp.Header.Get("X-Request-Id"))
		if line["proto"] != "HTTP/3.0" || line["client"] != "127.0.0.1" {
			t.Errorf("the log has %v", line)
		}
	}
	if resp, _ := ask(t, h3, "GET", "https://shop.test/", ""); resp.Header.Get("Strict-Transport-Security") == "" ||
		resp.Header.Get("Alt-Svc") != `h3=":443"; ma=3600` {
		t.Errorf("the header is %v", resp.Header)
	}
}

func TestAHandshakeOverQUICIsShownAsOverTCP(t *testing.T) {
	t.Parallel()
	s := start(t, prodHTTP3)
	var overTCP, seen command.Seen
	_, body := ask(t, s.client, "GET", "https://shop.test/seen", "")
	json.Unmarshal([]byte(body), &overTCP)
	for i, h3 := range []*http.Client{s.overQUIC(), s.overQUIC()} {
		_, body := ask(t, h3, "GET", "https://shop.test/seen", "")
		if err := json.Unmarshal([]byte(body), &seen); err != nil {
			t.Fatal(err)
		}
		if seen.Hello == nil || seen.Hello.ServerName != "shop.test" || !slices.Equal(seen.Hello.ALPN, []string{"h3"}) ||
			!slices.Equal(seen.Chain, overTCP.Chain) || len(seen.Chain) == 0 || seen.TLS != "TLS 1.3" ||
			seen.Scheme != "https" || seen.Protocol != "HTTP/3.0" || seen.Client != "127.0.0.1" {
			t.Errorf("connection %d: %s", i, body)
		}
	}
}

// A stream's events arrive at once, and a client that leaves ends the handler.
func TestEventsArriveOverQUIC(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	s := start(t, prodHTTP3, func(r *gin.Engine) {
		r.Use(func(c *gin.Context) { c.Next(); close(left) })
		echo(r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", "https://shop.test/events", nil)
	resp, err := s.overQUIC().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(resp.Body)
	for i := 0; i < 3 && in.Scan(); {
		if in.Text() == fmt.Sprintf("data: %d", i) {
			i++
		}
	}
	if in.Err() != nil {
		t.Error(in.Err())
	}
	cancel()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("the handler goes on after its client has left")
	}
}

// http3.Server has no timeouts. The body has that of TCP, and so has the answer.
func TestASlowClientOverQUICIsCutOff(t *testing.T) {
	t.Parallel()
	s := start(t, prodHTTP3, echo, func(r *gin.Engine) {
		r.GET("/late", func(c *gin.Context) {
			select {
			case <-time.After(31 * time.Second):
			case <-c.Request.Context().Done():
			}
			c.String(200, "late")
		})
	})
	var clients sync.WaitGroup
	clients.Go(func() {
		in, out := io.Pipe()
		defer out.Close()
		go fmt.Fprint(out, "the beginning")
		req, _ := http.NewRequest("POST", "https://shop.test/echo", in)
		req.Header.Set("Content-Type", "text/plain")
		begin := time.Now()
		resp, err := s.overQUIC().Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		if took := time.Since(begin); resp.StatusCode != 408 || took < 20*time.Second || took > 30*time.Second {
			t.Errorf("a slow body is answered %d after %s, want 408 after 25 s", resp.StatusCode, took)
		}
	})
	clients.Go(func() {
		resp, err := s.overQUIC().Get("https://shop.test/late")
		if err == nil {
			resp.Body.Close()
			t.Errorf("an answer after the write timeout arrives: %d", resp.StatusCode)
		}
	})
	clients.Wait()
	s.logged("the response was cut off by the write timeout: call kit.Stream(c) at the top of the handler")
}

func TestSessionsResumeBetweenTCPAndQUIC(t *testing.T) {
	t.Parallel()
	ca := t.TempDir() + "/clients.pem"
	client := clientOf(t, ca)
	for name, settings := range map[string]map[string]string{"": nil, "with client CAs": {"TLS_CLIENT_CA_FILE": ca}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := maps.Clone(prodHTTP3)
			maps.Copy(all, settings)
			s := start(t, all)
			visit := func(h3 bool, cache tls.ClientSessionCache) (seen command.Seen) {
				t.Helper()
				config := &tls.Config{RootCAs: s.roots(), ClientSessionCache: cache}
				if settings != nil {
					config.Certificates = []tls.Certificate{client}
				}
				visitor := s.overQUIC(func(t *http3.Transport) { t.TLSClientConfig = config })
				if !h3 {
					tcp := s.client.Transport.(*http.Transport).Clone()
					tcp.TLSClientConfig = config
					visitor = &http.Client{Transport: tcp}
				}
				_, body := ask(t, visitor, "GET", "https://shop.test/seen", "")
				visitor.CloseIdleConnections()
				if err := json.Unmarshal([]byte(body), &seen); err != nil {
					t.Fatal(err)
				}
				if (settings != nil) != (seen.ClientNamed != "") || len(seen.Chain) == 0 {
					t.Errorf("over QUIC %v: %s", h3, body)
				}
				return seen
			}
			for _, first := range []bool{false, true} {
				for _, then := range []bool{false, true} {
					cache := tls.NewLRUClientSessionCache(1)
					visit(first, cache)
					time.Sleep(50 * time.Millisecond) // the ticket may come after the response
					if !visit(then, cache).Resumed {
						t.Errorf("a session that began over QUIC: %v is not resumed over QUIC: %v", first, then)
					}
				}
			}
		})
	}
}

func TestClientsAreVerifiedOverQUIC(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/clients.pem"
	client, stranger := clientOf(t, file), clientOf(t, file+".other")
	s := start(t, with(prodHTTP3, "TLS_CLIENT_CA_FILE", file))
	for name, certs := range map[string][]tls.Certificate{"none": nil, "another CA's": {stranger}, "its CA's": {client}} {
		visitor := s.overQUIC(func(t *http3.Transport) { t.TLSClientConfig.Certificates = certs })
		resp, err := visitor.Get("https://shop.test/seen")
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != (name == "its CA's") {
			t.Errorf("a client with the certificate of %s: %v", name, err)
		}
	}
}

// A connection keeps its certificate, and the next one has the new one.
func TestAReplacedCertificateIsServedOverQUIC(t *testing.T) {
	t.Parallel()
	s := start(t, prodHTTP3)
	old := s.overQUIC()
	resp, _ := ask(t, old, "GET", "https://shop.test/seen", "")
	testcert.Write(t, s.dir+"/certs", "shop.test", "www.shop.test", "127.0.0.1")
	s.Reload()
	s.logged("certificate renewed")
	next := s.overQUIC(func(t *http3.Transport) { t.TLSClientConfig.InsecureSkipVerify = true })
	new, _ := ask(t, next, "GET", "https://shop.test/seen", "")
	again, _ := ask(t, old, "GET", "https://shop.test/seen", "")
	serial := func(r *http.Response) string { return r.TLS.PeerCertificates[0].SerialNumber.String() }
	if serial(new) == serial(resp) || serial(again) != serial(resp) {
		t.Errorf("the serial is %s, then %s, and on the old connection %s", serial(resp), serial(new), serial(again))
	}
}

func TestAnUnknownNameIsRefusedOverQUIC(t *testing.T) {
	t.Parallel()
	s := start(t, prodHTTP3)
	_, err := s.overQUIC().Get("https://other.test/")
	if refusal, ok := errors.AsType[*quic.TransportError](err); !ok || refusal.ErrorCode != 0x100+112 { // unrecognized_name
		t.Errorf("the handshake ends with %v", err)
	}
}

// What comes before the handshake has ended can be replayed. quic-go's client only sends it where the server's ticket
// allows it, and then the server may still decline.
func TestEarlyDataIsAnsweredAfterTheHandshake(t *testing.T) {
	t.Parallel()
	s := start(t, prodHTTP3, func(r *gin.Engine) {
		r.GET("/complete", func(c *gin.Context) { c.String(200, "%v", c.Request.TLS.HandshakeComplete) })
	})
	cache := tls.NewLRUClientSessionCache(1)
	for i := range 3 {
		var conn *quic.Conn
		h3 := s.overQUIC(func(t *http3.Transport) {
			t.TLSClientConfig.ClientSessionCache = cache
			t.Dial = func(ctx context.Context, _ string, config *tls.Config, options *quic.Config) (_ *quic.Conn, err error) {
				conn, err = quic.DialAddrEarly(ctx, s.https, config, options)
				return conn, err
			}
		})
		_, body := ask(t, h3, http3.MethodGet0RTT, "https://shop.test/complete", "")
		if state := conn.ConnectionState(); state.Used0RTT || state.TLS.DidResume != (i > 0) || body != "true" {
			t.Errorf("visit %d: 0-RTT %v, resumed %v, the handshake complete: %s", i, state.Used0RTT, state.TLS.DidResume, body)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestHTTP3IsOfferedWhereItIsServed(t *testing.T) {
	t.Parallel()
	offered := func(s *site, url string, headers ...string) string {
		resp, _ := ask(t, s.client, "GET", url, "", headers...)
		return resp.Header.Get("Alt-Svc")
	}
	s := start(t, prodHTTP3)
	_, port, _ := net.SplitHostPort(s.https)
	for host, want := range map[string]string{"shop.test": "443", "shop.test:" + port: port, "shop.test:9443": "9443"} {
		if got := offered(s, "https://shop.test/", "Host", host); got != `h3=":`+want+`"; ma=3600` {
			t.Errorf("to a client of %s it is offered as %s", host, got)
		}
	}
	plain := s.do
	if resp, _ := plain("GET", "http://shop.test/", ""); resp.Header.Get("Alt-Svc") != "" {
		t.Error("it is offered over plain HTTP")
	}
	for name, settings := range map[string]map[string]string{"HTTP3=off": prod, "development": {}} {
		off := start(t, settings)
		if got := offered(off, pick(name == "development", "https://localhost/", "https://shop.test/")); got != "" {
			t.Errorf("with %s it is offered: %s", name, got)
		}
	}
}

// The port may be open in UDP for another program: a resolver, a VPN, an older copy of this one.
func TestAUDPPortThatIsBusyLeavesTCP(t *testing.T) {
	t.Parallel()
	busy, err := net.ListenPacket("udp", freeForBoth(t))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	s := start(t, with(prodHTTP3, "HTTPS_ADDR", busy.LocalAddr().String()))
	if resp, _ := ask(t, s.client, "GET", "https://shop.test/", ""); resp.StatusCode != 200 || resp.Header.Get("Alt-Svc") != "" {
		t.Errorf("over TCP the answer is %d, and offers %q", resp.StatusCode, resp.Header.Get("Alt-Svc"))
	}
	s.once("HTTP3=on has no effect", "UDP port", "another program", "TCP alone")
	if code := s.Stop(); code != 0 {
		t.Errorf("the exit status is %d", code)
	}
	out, code := apptest.Run(t, command.Sample(), []string{"check"}, "HTTP3=on", "HTTPS_ADDR="+busy.LocalAddr().String())
	if code != 0 || !strings.Contains(out, "note: HTTP3=on has no effect: UDP port") {
		t.Errorf("check ends with %d:\n%s", code, out)
	}
}

// A stop answers what is open, tells clients to go elsewhere, and closes connections that stay.
func TestAStopLosesNoRequestOverQUIC(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	var answered, closed atomic.Bool
	served := command.Sample()
	own := served.Routes
	served.Routes = func(r *gin.Engine, server kit.Server) error {
		r.GET("/long", func(c *gin.Context) {
			close(begun)
			<-release
			c.String(200, "whole")
			answered.Store(true)
		})
		server.OnStop(func(context.Context) error { closed.Store(answered.Load()); return nil })
		return own(r, server)
	}
	s := startSite(t, with(prodHTTP3, "SHUTDOWN_GRACE", "10s"), served)
	idle, err := quic.DialAddr(t.Context(), s.https, // it does not know what GOAWAY is
		&tls.Config{ServerName: "shop.test", RootCAs: s.roots(), NextProtos: []string{"h3"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h3, result := s.overQUIC(), make(chan string, 1)
	go func() {
		_, body := ask(t, h3, "GET", "https://shop.test/long", "")
		result <- body
	}()
	<-begun
	s.stop()
	s.logged("stopping")
	if resp, _ := ask(t, h3, "GET", "https://shop.test/", ""); resp.Header.Get("Alt-Svc") != "" {
		t.Error("HTTP/3 is offered during the stop")
	}
	refused(t, s.https) // over TCP
	eventually(t, "new clients are refused", func() bool {
		begin := time.Now()
		resp, err := s.overQUIC().Get("https://shop.test/")
		if err == nil {
			resp.Body.Close()
		} else if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("a new client is refused after %s: %v", took, err)
		}
		return err != nil
	})
	close(release)
	if body := <-result; body != "whole" {
		t.Errorf("the open request is answered %q", body)
	}
	begin := time.Now()
	if code := s.wait(); code != 0 || !closed.Load() {
		t.Errorf("the exit status is %d, OnStop came after the answer: %v", code, closed.Load())
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the stop takes %s after the last answer", took)
	}
	<-idle.Context().Done()
	var end *quic.ApplicationError
	if err := context.Cause(idle.Context()); !errors.As(err, &end) || end.ErrorCode != quic.ApplicationErrorCode(http3.ErrCodeNoError) {
		t.Errorf("an idle connection ends with %v", err)
	}
}

// A handler that does not end is cut off with SHUTDOWN_GRACE.
func TestAStopOverQUICEndsWithTheGrace(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	s := start(t, with(prodHTTP3, "SHUTDOWN_GRACE", "1s"), func(r *gin.Engine) {
		r.GET("/long", func(c *gin.Context) { close(begun); time.Sleep(8 * time.Second) })
	})
	go s.overQUIC().Get("https://shop.test/long")
	<-begun
	begin := time.Now()
	s.stop()
	if code := s.wait(); code != 1 || time.Since(begin) > 4*time.Second {
		t.Errorf("exit status %d after %s", code, time.Since(begin))
	}
}

// What a client sends ahead of what a handler reads is kept in memory, and takes many times its size there. A body that
// is read arrives whole.
func TestABodyThatIsNotReadIsNotSentOverQUIC(t *testing.T) {
	t.Parallel()
	const size = 1000 << 10
	begun, release := make(chan struct{}), make(chan struct{})
	s := start(t, prodHTTP3, func(r *gin.Engine) {
		r.POST("/count", func(c *gin.Context) {
			close(begun)
			<-release
			n, err := io.Copy(io.Discard, c.Request.Body)
			c.String(200, "%d %v", n, err)
		})
	})
	var sent atomic.Int64
	body := io.TeeReader(strings.NewReader(strings.Repeat("x", size)), counter{&sent})
	req, _ := http.NewRequest("POST", "https://shop.test/count", body)
	req.Header.Set("Content-Type", "text/plain")
	h3, result := s.overQUIC(), make(chan string, 1)
	go func() {
		resp, err := h3.Do(req)
		if err != nil {
			result <- err.Error()
			return
		}
		defer resp.Body.Close()
		data, _ := io.ReadAll(resp.Body)
		result <- string(data)
	}()
	<-begun
	for before := int64(-1); before != sent.Load(); time.Sleep(300 * time.Millisecond) {
		before = sent.Load()
	}
	if n := sent.Load(); n > 128<<10 {
		t.Errorf("%d bytes are sent that nobody reads, want about 64 KiB", n)
	}
	close(release)
	if got := <-result; got != fmt.Sprintf("%d <nil>", size) {
		t.Errorf("the handler has read %s", got)
	}
}

// counter counts what is written to it.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) { c.n.Add(int64(len(p))); return len(p), nil }

// A client that resets a request may send another, while the handler of the first goes on. The handlers of a connection
// are never more than over HTTP/2.
func TestRequestsThatAreResetOverQUICDoNotPileUp(t *testing.T) {
	t.Parallel()
	var begun, now, peak atomic.Int64
	release := make(chan struct{})
	s := start(t, prodHTTP3, func(r *gin.Engine) {
		r.GET("/long", func(c *gin.Context) {
			begun.Add(1)
			for n, old := now.Add(1), int64(0); n > old && !peak.CompareAndSwap(old, n); old = peak.Load() {
			}
			<-c.Request.Context().Done()
			c.String(200, "nobody reads this")
			c.Writer.Flush()
			<-release
			now.Add(-1)
		})
	})
	h3 := s.overQUIC()
	for range 3 * maxStreams {
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://shop.test/long", nil)
		ended, before := make(chan struct{}), begun.Load()
		go func() { defer close(ended); h3.Do(req) }()
		for end := time.Now().Add(20 * time.Millisecond); begun.Load() == before && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-ended
	}
	if peak.Load() > maxStreams || begun.Load() < maxStreams {
		t.Errorf("%d handlers of one connection ran at once, of %d; want %d", peak.Load(), begun.Load(), maxStreams)
	}
	close(release)
	if resp, _ := ask(t, h3, "GET", "https://shop.test/", ""); resp.StatusCode != 200 {
		t.Errorf("the next request is answered %d", resp.StatusCode)
	}
}

// Addresses of clients can be forged. Many new ones at once have to prove theirs first.
func TestManyNewClientsGetRetryPackets(t *testing.T) {
	t.Parallel()
	s := start(t, prodHTTP3)
	var retries, failed atomic.Int64
	var clients sync.WaitGroup
	for range 150 {
		clients.Go(func() {
			conn, err := quic.DialAddr(t.Context(), s.https, &tls.Config{ServerName: "shop.test", RootCAs: s.roots(),
				NextProtos: []string{"h3"}, CurvePreferences: []tls.CurveID{tls.X25519}},
				&quic.Config{HandshakeIdleTimeout: 20 * time.Second,
					Tracer: func(context.Context, bool, quic.ConnectionID) qlogwriter.Trace { return retryTrace{&retries} }})
			if err != nil {
				failed.Add(1)
				return
			}
			conn.CloseWithError(0, "")
		})
	}
	clients.Wait()
	if retries.Load() == 0 || failed.Load() > 15 /* the machine may be busy */ {
		t.Errorf("of 150 clients %d got a Retry packet, and %d failed", retries.Load(), failed.Load())
	}
}

// retryTrace counts Retry packets that a client gets.
type retryTrace struct{ n *atomic.Int64 }

func (r retryTrace) AddProducer() qlogwriter.Recorder { return r }
func (r retryTrace) SupportsSchemas(string) bool      { return true }
func (r retryTrace) Close() error                     { return nil }
func (r retryTrace) RecordEvent(e qlogwriter.Event) {
	if p, ok := e.(qlog.PacketReceived); ok && p.Header.PacketType == qlog.PacketTypeRetry {
		r.n.Add(1)
	}
}

// Helpers

// overQUIC returns a client of HTTP/3 for the site's hosts, with a connection of its own.
func (s *site) overQUIC(change ...func(*http3.Transport)) *http.Client {
	s.t.Helper()
	transport := &http3.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.roots()},
		Dial: func(ctx context.Context, _ string, config *tls.Config, options *quic.Config) (*quic.Conn, error) {
			return quic.DialAddr(ctx, s.https, config, options)
		},
	}
	for _, f := range change {
		f(transport)
	}
	s.t.Cleanup(func() { transport.Close() })
	return &http.Client{Transport: transport, Timeout: 60 * time.Second}
}

// ask sends a request and returns the response and its body.
func ask(t *testing.T, client *http.Client, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if req.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Errorf("%s %s: %v", method, url, err)
		return &http.Response{Header: http.Header{}}, ""
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s %s: %v", method, url, err)
	}
	return resp, string(data)
}
