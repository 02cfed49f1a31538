package fleet

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// The block for HAProxy in the README of scripts/deploy suffices: two servers get their certificate through a balancer
// that sends PROXY headers, with its health checks on both ports, and know each visitor's address.
func TestBehindATCPBalancerAsTheREADMESays(t *testing.T) {
	t.Parallel()
	for version, words := range map[string]string{"1": "send-proxy", "2": "send-proxy-v2"} {
		for kind, plainOpen := range map[string]bool{"http-01": true, "tls-alpn-01": false} {
			t.Run("version "+version+" and "+kind, func(t *testing.T) {
				t.Parallel()
				behindBalancer(t, words, plainOpen)
			})
		}
	}
}

func behindBalancer(t *testing.T, words string, plainOpen bool) {
	front, frontPlain := ports(t)
	f := newFleet(t, rig.StartRedis(t).URL(), rig.PebbleOptions{HTTPPort: frontPlain, TLSPort: front})
	f.env = f.env.With(rig.Env{"PROXY_PROTOCOL": "on", "TRUSTED_PROXIES": "127.0.0.1", "LOG_LEVEL": "debug"})
	ready := make(chan bool)
	f.pebble.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if f.pebble.IsNewOrder(r) {
			<-ready
		}
		return false
	})
	var servers []*server
	for range 2 {
		https, plain := ports(t)
		if !plainOpen {
			plain = 0
		}
		servers = append(servers, f.start(https, plain))
	}
	if !plainOpen {
		frontPlain = 0
	}
	tcpBalancer(t, words, front, frontPlain, servers)
	close(ready)
	f.waitForHeader(servers)
	f.wantOrders(1)

	// Linux lets a client connect from any address of 127.0.0.0/8.
	visitor := from("127.0.0.66")
	urls := map[string]string{"/over-tls": fmt.Sprintf("https://%s:%d/over-tls", shop, front)}
	if plainOpen {
		urls["/plain"] = fmt.Sprintf("http://%s:%d/plain", shop, frontPlain)
	}
	for path, url := range urls {
		for _, s := range servers {
			var lines []map[string]any
			rig.Eventually(t, patience, "visitors at both servers, in turn", func() bool {
				rig.Get(t, visitor, url)
				lines = s.Logged(func(line map[string]any) bool { return line["path"] == path })
				return len(lines) > 1
			})
			for _, line := range lines {
				if line["client"] != "127.0.0.66" {
					t.Errorf("%s: the access log has the client %v", path, line["client"])
				}
			}
		}
	}
	for _, s := range servers {
		checks := s.Logged(func(line map[string]any) bool { return line["path"] == "/readyz" && line["client"] == "127.0.0.1" })
		if len(checks) == 0 || s.Logged(func(line map[string]any) bool { return strings.Contains(fmt.Sprint(line["msg"]), "PROXY") }) != nil {
			t.Errorf("%d health checks, and the log says:\n%s", len(checks), s.Stdout())
		}
		s.stranger(t)
	}
}

// tcpBalancer starts HAProxy in front of two servers with the README's block, with other words for send-proxy-v2. plain 0
// is a port that the servers do not have.
func tcpBalancer(t *testing.T, words string, https, plain int, servers []*server) {
	t.Helper()
	config := regexp.MustCompile("(?s)```haproxy\n(defaults.*?)```").FindStringSubmatch(
		string(rig.Read(t, filepath.Join("..", "..", "..", "scripts", "deploy", "README.md"))))
	if config == nil {
		t.Fatal("the README has no such block")
	}
	text := strings.NewReplacer("send-proxy-v2", words,
		"bind :443", "bind "+rig.Loopback(https), "bind :80", "bind "+rig.Loopback(plain),
		"10.0.0.11:443", rig.Loopback(servers[0].https), "10.0.0.12:443", rig.Loopback(servers[1].https),
		"10.0.0.11:80", rig.Loopback(servers[0].http), "10.0.0.12:80", rig.Loopback(servers[1].http)).Replace(config[1])
	if plain == 0 {
		text = text[:strings.Index(text, "listen http\n")]
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	rig.Write(t, file, []byte(text), 0o600)
	p := rig.Spawn(t, rig.Command{Path: rig.Need(t, "haproxy"), Args: []string{"-db", "-f", file}, Dir: t.TempDir()})
	p.WaitForPort(t, rig.Loopback(https))
}

// waitForHeader waits until all servers show their certificate to a client of another address than the balancer's.
func (f *fleet) waitForHeader(servers []*server) {
	f.t.Helper()
	for _, s := range servers {
		client := from("127.0.0.66")
		rig.Eventually(f.t, patience, "a certificate", func() bool {
			_, err := rig.Try(client, rig.Request{URL: fmt.Sprintf("https://%s:%d/readyz", shop, s.https)})
			return err == nil
		})
	}
}

// from is a visitor who connects from an address of this machine.
func from(ip string) *http.Client {
	client := rig.VisitorWith(&tls.Config{InsecureSkipVerify: true})
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(addr)
		return dialer.DialContext(ctx, network, "127.0.0.1:"+port)
	}
	return client
}

// stranger sends a header to a server from another address than the balancer's.
func (s *server) stranger(t *testing.T) {
	t.Helper()
	for _, header := range []string{"PROXY TCP4 203.0.113.9 127.0.0.1 1 443\r\n", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"} {
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 67)}}).Dial("tcp", rig.Loopback(s.https))
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(conn, header)
		if err := tls.Client(conn, &tls.Config{ServerName: shop, InsecureSkipVerify: true}).Handshake(); err == nil {
			t.Errorf("a stranger's header %q is believed", header)
		}
		conn.Close()
	}
	rig.Eventually(t, patience, "the refusal in the log", func() bool {
		return len(s.Logged(func(line map[string]any) bool {
			return line["msg"] == "a PROXY protocol header was refused, because its sender is not in TRUSTED_PROXIES"
		})) == 2
	})
	if strings.Contains(s.Stdout(), "203.0.113.9") {
		t.Error("the log has the stranger's invention")
	}
}

// Each of two servers behind the README's balancer stops and starts again, while visitors come all the time. The
// balancer has seen /readyz fail before a port closes.
func TestARollingRestartBehindABalancerLosesNoVisitor(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA(t, "Site")
	dir := t.TempDir()
	env := rig.Env{"ENV": "prod", "TLS_MODE": "files", "DOMAINS": shop, "HTTP_ADDR": "off", "LOG_LEVEL": "warn",
		"TLS_CERT_FILE": filepath.Join(dir, "cert.pem"), "TLS_KEY_FILE": filepath.Join(dir, "key.pem"),
		"PROXY_PROTOCOL": "on", "TRUSTED_PROXIES": "127.0.0.1"}
	ca.Issue(t, rig.Leaf{Names: []string{shop}}).Write(t, env["TLS_CERT_FILE"], env["TLS_KEY_FILE"])
	var servers []*server
	for range 2 {
		s := &server{https: rig.Port(t)}
		s.Product = rig.Start(t, dir, env.With(rig.Env{"HTTPS_ADDR": rig.Loopback(s.https)}))
		servers = append(servers, s)
	}
	front := rig.Port(t)
	tcpBalancer(t, "send-proxy-v2", front, 0, servers)
	var asked, failed atomic.Int64
	var wg sync.WaitGroup
	end := make(chan bool)
	for range 4 {
		visitor := rig.VisitorWith(&tls.Config{RootCAs: ca.Pool()})
		wg.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				asked.Add(1)
				if answer, err := rig.Try(visitor, rig.Request{URL: fmt.Sprintf("https://%s:%d/healthz", shop, front)}); err != nil || answer.StatusCode != http.StatusOK {
					failed.Add(1)
					t.Logf("%v %v", answer.Response, err)
				}
			}
		})
	}
	for _, s := range servers {
		s.Signal(t, syscall.SIGTERM)
		if code := s.ExitCode(t, patience); code != 0 {
			t.Errorf("the server ended with %d", code)
		}
		s.Product = rig.Start(t, dir, env.With(rig.Env{"HTTPS_ADDR": rig.Loopback(s.https)}))
		time.Sleep(2 * time.Second) // until the balancer has seen that it is back: two checks, 500 ms apart
	}
	close(end)
	wg.Wait()
	t.Logf("%d of %d visitors got no answer", failed.Load(), asked.Load())
	if failed.Load() > 0 {
		t.Errorf("%d of %d visitors got no answer in two stops", failed.Load(), asked.Load())
	}
}
