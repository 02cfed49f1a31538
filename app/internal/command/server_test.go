package command_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/internal/testcert"
)

// slow sends on entered when a request begins, and answers when release is closed.
func slow(entered chan<- string, release <-chan struct{}) func(*gin.Engine) {
	return func(r *gin.Engine) {
		r.GET("/slow", func(c *gin.Context) {
			entered <- c.Request.URL.Scheme
			<-release
			c.String(200, "whole answer")
		})
	}
}

func TestAStopLosesNoRequest(t *testing.T) {
	t.Parallel()
	// In proxy mode plain requests reach handlers, so both listeners can have a request in flight.
	for scheme, settings := range map[string]map[string]string{
		"https": prod, "http": {"ENV": "prod", "TLS_MODE": "proxy", "DOMAINS": "shop.test", "HTTPS_ADDR": ""},
	} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			for grace := 10 * time.Second; !stopDuringARequest(t, scheme, settings, grace); grace *= 2 {
				t.Logf("this machine is too busy to ask within %s", grace/10)
			}
		})
	}
}

// stopDuringARequest stops a site in the middle of a request. The listeners then stay open for a tenth of the grace, so
// that load balancers see that /readyz fails. If the test asked only after that time, stopDuringARequest returns false.
func stopDuringARequest(t *testing.T, scheme string, settings map[string]string, grace time.Duration) bool {
	t.Helper()
	entered, release := make(chan string, 1), make(chan struct{})
	s := start(t, with(settings, "SHUTDOWN_GRACE", grace.String()), slow(entered, release))
	answer := make(chan string, 1)
	go func() {
		resp, err := s.client.Get(scheme + "://shop.test/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		answer <- fmt.Sprint(string(body), err)
	}()
	<-entered
	begin := time.Now()
	s.stop()
	s.logged("stopping")
	status, body, err := s.overANewConnection(scheme + "://shop.test/readyz")
	inTime := err == nil
	if err != nil && time.Since(begin) < grace/10 {
		t.Errorf("the listener was closed early: %v", err)
	} else if inTime && (status != 503 || !strings.Contains(body, "stopping")) {
		t.Errorf("/readyz while stopping got %d %s, want 503", status, body)
	}
	refused(t, pick(scheme == "https", s.https, s.http))
	select {
	case got := <-answer:
		t.Fatalf("the open request ended early: %s", got)
	case code := <-s.exit:
		t.Fatalf("the program ended with %d before its request did", code)
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	if got := <-answer; got != "whole answer<nil>" {
		t.Errorf("the open request got %q, want its whole answer", got)
	}
	if code := s.wait(); code != 0 {
		t.Errorf("exit status %d, want 0: %s", code, s.Log())
	}
	return inTime || t.Failed()
}

// overANewConnection sends a GET that the connections in use do not carry.
func (s *site) overANewConnection(url string) (status int, body string, err error) {
	transport := s.client.Transport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	resp, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

func TestRequestsBeyondTheShutdownTimeoutAreAbortedAndLogged(t *testing.T) {
	t.Parallel()
	entered, release := make(chan string, 1), make(chan struct{})
	t.Cleanup(func() { close(release) })
	settings := map[string]string{"ENV": "prod", "TLS_MODE": "files", "DOMAINS": "shop.test", "SHUTDOWN_GRACE": "200ms"}
	s := start(t, settings, slow(entered, release))
	go s.client.Get("https://shop.test/slow")
	<-entered
	s.stop()
	if code := s.wait(); code != 1 || !strings.Contains(s.Log(), "1 request was still open") {
		t.Errorf("exit status %d and %q, want 1 and the reason", code, s.Log())
	}
}

// net/http does not track a connection that a handler took over, such as a WebSocket.
func TestAStopWaitsForConnectionsTakenOver(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		takes time.Duration
		code  int
	}{{"one that ends within the grace", 300 * time.Millisecond, 0}, {"one that does not", time.Hour, 1}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			entered, release := make(chan struct{}), make(chan struct{})
			t.Cleanup(func() { close(release) })
			s := start(t, map[string]string{"SHUTDOWN_GRACE": "1s"}, func(r *gin.Engine) {
				r.GET("/takes-over", func(c *gin.Context) {
					conn, _, err := c.Writer.Hijack()
					if err != nil {
						t.Error(err)
						return
					}
					defer conn.Close()
					close(entered)
					select {
					case <-time.After(test.takes):
						io.WriteString(conn, "last words")
					case <-release:
					}
				})
			})
			conn, err := tls.Dial("tcp", s.https, &tls.Config{RootCAs: s.roots(), ServerName: "localhost", NextProtos: []string{"http/1.1"}})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, "GET /takes-over HTTP/1.1\r\nHost: localhost\r\n\r\n")
			<-entered
			s.stop()
			if code := s.wait(); code != test.code {
				t.Errorf("exit status %d, want %d: %s", code, test.code, s.Log())
			}
			if test.code == 0 {
				if said, _ := io.ReadAll(conn); string(said) != "last words" {
					t.Errorf("the client read %q", said)
				}
			} else if !strings.Contains(s.Log(), "1 request was still open") {
				t.Errorf("the end is explained with %q", s.Log())
			}
		})
	}
}

// Browsers open connections in advance. http.Server.Shutdown would wait five seconds for them.
func TestCtrlCIsQuickInDevelopment(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"SHUTDOWN_GRACE": "20s"})
	conn, err := net.Dial("tcp", s.https)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begin := time.Now()
	s.stop()
	if code := s.wait(); code != 0 || time.Since(begin) > 4*time.Second {
		t.Errorf("exit status %d after %s, want 0 at once", code, time.Since(begin))
	}
}

func TestRenewedFilesAreLoadedOnSIGHUP(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	serial := func() string {
		conn, err := tls.Dial("tcp", s.https, &tls.Config{ServerName: "shop.test", InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	testcert.Write(t, filepath.Join(s.dir, "certs"), "shop.test", "www.shop.test")
	s.Reload()
	eventually(t, "the new certificate", func() bool { return serial() != before })
	s.logged("certificate renewed")
}

func TestFailedHandshakesAreCountedNotLogged(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	for range 50 {
		conn, err := net.Dial("tcp", s.https)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "\x00\x01nonsense\r\n\r\n")
		bufio.NewReader(conn).ReadString('\n')
		conn.Close()
	}
	for range 50 {
		conn, err := tls.Dial("tcp", s.https, &tls.Config{ServerName: "nobody.test"})
		if err == nil {
			conn.Close()
			t.Fatal("an unknown server name got a certificate")
		}
		if !strings.Contains(err.Error(), "unrecognized name") {
			t.Fatalf("an unknown server name got %v, want the unrecognized_name alert", err)
		}
	}
	s.stop()
	s.wait()
	summary := s.logged("handshakes that failed")
	if summary["not_tls"] != 50.0 || summary["no_certificate"] != 50.0 {
		t.Errorf("the summary is %v, want 50 each", summary)
	}
	if n := strings.Count(s.Log(), "\n"); n > 6 {
		t.Errorf("%d log lines for 100 scans:\n%s", n, s.Log())
	}
}

func TestSecondRunUsesTheCertificateOfTheFirst(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	resp, body := s.do("GET", "https://localhost/", "", "Accept", "text/html")
	if resp.StatusCode != 200 || !strings.Contains(body, "TLS 1.3") {
		t.Errorf("got %d, want the page over verified TLS", resp.StatusCode)
	}
	if got := resp.Header.Get("Strict-Transport-Security"); got != "max-age=0" {
		t.Errorf("HSTS in development is %q, want max-age=0", got)
	}
	resp, _ = s.do("GET", "http://localhost/a?b=c", "", "Host", "localhost"+s.http[strings.LastIndex(s.http, ":"):])
	want := "https://localhost" + s.https[strings.LastIndex(s.https, ":"):] + "/a?b=c"
	if got := resp.Header.Get("Location"); resp.StatusCode != 307 || got != want || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("plain http got %d %q, want 307 %q, not to be kept", resp.StatusCode, got, want)
	}
	if resp, _ := s.do("GET", "https://localhost/", "", "Host", "rebound.evil.test"); resp.StatusCode != 421 {
		t.Errorf("a rebound name got %d, want 421", resp.StatusCode)
	}
	s.stop()
	s.wait()
	if !strings.Contains(s.Log(), "made") {
		t.Errorf("the first run does not say what it made:\n%s", s.Log())
	}
	again := start(t, map[string]string{"HOME": s.dir, "TLS_CERT_FILE": filepath.Join(s.dir, "certs", "cert.pem"), "TLS_KEY_FILE": filepath.Join(s.dir, "certs", "key.pem")})
	if strings.Contains(again.Log(), "made") {
		t.Errorf("the second run made something:\n%s", again.Log())
	}
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	s := start(t, prod)
	ask := func(addr string, settings ...string) int {
		env := with(prod, append([]string{"HTTP_ADDR", "off", "HTTPS_ADDR", addr}, settings...)...)
		return command.Main(t.Context(), command.Sample(), command.World{Args: []string{"healthcheck"}, Lookup: lookupIn(env), Stdout: io.Discard, Stderr: io.Discard})
	}
	if got := ask(s.https); got != 0 {
		t.Errorf("a ready server got %d, want 0", got)
	}
	if got := ask("127.0.0.1:1"); got != 1 {
		t.Errorf("no server got %d, want 1", got)
	}
	unready := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) }))
	defer unready.Close()
	if got := ask(s.https, "HTTP_ADDR", unready.Listener.Addr().String()); got != 1 {
		t.Errorf("a server that is not ready got %d, want 1", got)
	}
	// A server with certificates for addresses alone has none for the name localhost, as ACME sources do.
	addressed := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	addressed.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName != "" {
			return nil, errors.New("no certificate for " + hello.ServerName)
		}
		return nil, nil
	}}
	addressed.Config.ErrorLog = log.New(io.Discard, "", 0)
	addressed.StartTLS()
	defer addressed.Close()
	_, port, _ := net.SplitHostPort(addressed.Listener.Addr().String())
	if got := ask(":"+port, "TLS_MODE", "acme", "DOMAINS", "8.8.8.8"); got != 0 {
		t.Errorf("a ready server with a certificate for an address got %d, want 0", got)
	}
}

func TestProfilesAreForLoopbackOnly(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"ADMIN_ADDR": "localhost:0"}
	s := start(t, settings)
	addr := fmt.Sprint(s.logged("serving")["admin"])
	addr, _, _ = strings.Cut(addr, " ")
	resp, err := http.Get("http://" + addr + "/debug/pprof/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("the profile index got %d", resp.StatusCode)
	}
	if resp, _ := s.do("GET", "https://localhost/debug/pprof/", ""); resp.StatusCode != 404 {
		t.Errorf("a visitor got %d for the profiles, want 404", resp.StatusCode)
	}
}
