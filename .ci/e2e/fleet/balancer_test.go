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
	config := regexp.MustCompile("(?s)```haproxy\n(defaults.*?)```").FindStringSubmatch(
		string(rig.Read(t, filepath.Join("..", "..", "..", "scripts", "deploy", "README.md"))))
	if config == nil {
		t.Fatal("the README has no such block")
	}
	replacer := strings.NewReplacer("send-proxy-v2", words, ":443\n    option", fmt.Sprintf("127.0.0.1:%d\n    option", front),
		":80\n    option", fmt.Sprintf("127.0.0.1:%d\n    option", frontPlain),
		"10.0.0.11:443", rig.Loopback(servers[0].https), "10.0.0.12:443", rig.Loopback(servers[1].https),
		"10.0.0.11:80", rig.Loopback(servers[0].http), "10.0.0.12:80", rig.Loopback(servers[1].http))
	text := replacer.Replace(config[1])
	if !plainOpen {
		text = text[:strings.Index(text, "listen http\n")]
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	rig.Write(t, file, []byte(text), 0o600)
	p := rig.Spawn(t, rig.Command{Path: rig.Need(t, "haproxy"), Args: []string{"-db", "-f", file}, Dir: t.TempDir()})
	p.WaitForPort(t, rig.Loopback(front))
	close(ready)
	f.waitForHeader(servers)
	f.wantOrders(1)

	// Linux lets a client connect from any address of 127.0.0.0/8.
	visitor := from("127.0.0.66")
	urls := []string{fmt.Sprintf("https://%s:%d/seen-by-%s", shop, front, "https")}
	if plainOpen {
		urls = append(urls, fmt.Sprintf("http://%s:%d/seen-by-%s", shop, frontPlain, "http"))
	}
	for _, url := range urls {
		for range 4 { // both servers, in turn
			rig.Get(t, visitor, url)
		}
		for _, s := range servers {
			rig.Eventually(t, patience, "the visitor's address in the access log", func() bool {
				lines := s.Logged(func(line map[string]any) bool {
					path, _ := line["path"].(string)
					return line["msg"] == "request" && strings.HasPrefix(path, "/seen-by-"+url[:strings.Index(url, ":")])
				})
				return len(lines) == 2 && lines[0]["client"] == "127.0.0.66" && lines[1]["client"] == "127.0.0.66"
			})
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
