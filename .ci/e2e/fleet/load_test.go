package fleet

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// deployed is a fleet behind HAProxy with the configuration of scripts/deploy. Its three servers have addresses of their
// own and the same two ports, as containers have.
type deployed struct {
	*fleet
	https, plain int // of each server
	front        int // HAProxy's, for TLS
	servers      []*rig.Product
	redis        *rig.Redis
}

func address(i, port int) string { return fmt.Sprintf("127.0.1.%d:%d", i+1, port) }

// deploy starts everything and waits until a visitor is answered by each server. HAProxy connects from 127.0.0.1, which
// is the only trusted address, and visitors from 127.0.0.2.
func deploy(t *testing.T, grace time.Duration) *deployed {
	d := &deployed{https: rig.Port(t), plain: rig.Port(t), front: rig.Port(t), redis: rig.StartRedis(t)}
	frontPlain := rig.Port(t)
	d.fleet = newFleet(t, d.redis.URL(), rig.PebbleOptions{HTTPPort: frontPlain, TLSPort: d.front})
	d.env = d.env.With(rig.Env{"PROXY_PROTOCOL": "on", "TRUSTED_PROXIES": "127.0.0.1", "SHUTDOWN_GRACE": grace.String()})
	config := rig.Read(t, filepath.Join("..", "..", "..", "scripts", "deploy", "haproxy.cfg"))
	for old, now := range map[string]int{":443": d.front, ":80": frontPlain} {
		config = bytes.ReplaceAll(config, []byte("bind "+old+"\n"), fmt.Appendf(nil, "bind 127.0.0.1:%d\n", now))
	}
	for i := range 3 {
		config = bytes.ReplaceAll(config, fmt.Appendf(nil, "site%d:", i+1), fmt.Appendf(nil, "127.0.1.%d:", i+1))
	}
	config = bytes.ReplaceAll(config, []byte("8443"), fmt.Append(nil, d.https))
	config = bytes.ReplaceAll(config, []byte("8080"), fmt.Append(nil, d.plain))
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	rig.Write(t, file, config, 0o600)
	p := rig.Spawn(t, rig.Command{Path: rig.Need(t, "haproxy"), Args: []string{"-db", "-f", file}, Dir: t.TempDir()})
	p.WaitForPort(t, rig.Loopback(d.front)) // before the CA asks there
	for i := range 3 {
		d.servers = append(d.servers, d.start(i))
	}
	for i := range d.servers {
		d.waitFor(i, nil)
	}
	return d
}

func (d *deployed) start(i int) *rig.Product {
	d.t.Helper()
	return rig.Start(d.t, d.t.TempDir(), d.env.With(rig.Env{"HTTPS_ADDR": address(i, d.https), "HTTP_ADDR": address(i, d.plain)}))
}

// leaf is what a server shows to a visitor who comes past HAProxy; nil: no certificate.
func (d *deployed) leaf(i int) *x509.Certificate {
	dialer := &net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := tls.DialWithDialer(dialer, "tcp", address(i, d.https), &tls.Config{ServerName: shop, InsecureSkipVerify: true})
	if err != nil {
		return nil
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

func (d *deployed) waitFor(i int, old *x509.Certificate) (leaf *x509.Certificate) {
	d.t.Helper()
	rig.Eventually(d.t, patience, fmt.Sprintf("a certificate on server %d", i+1), func() bool {
		leaf = d.leaf(i)
		return leaf != nil && !leaf.Equal(old)
	})
	return leaf
}

// load is what visitors ask until stop is called.
type load struct {
	began              time.Time
	requests, failures atomic.Int64
	mu                 sync.Mutex
	last               error
	stop               func()
}

// visit has visitors ask through HAProxy, perSecond requests together. Each opens a new connection after 50 requests.
func (d *deployed) visit(perSecond int) *load {
	l := &load{began: time.Now()}
	roots := d.pebble.Roots(d.t)
	end := make(chan struct{})
	var wg sync.WaitGroup
	const visitors = 50
	for i := range visitors {
		wg.Go(func() {
			client := rig.VisitorWith(&tls.Config{RootCAs: roots})
			client.Transport.(*http.Transport).DisableKeepAlives = false
			every := time.NewTicker(time.Second * visitors / time.Duration(perSecond))
			defer every.Stop()
			for n := i; ; n++ {
				select {
				case <-end:
					client.CloseIdleConnections()
					return
				case <-every.C:
				}
				if n%50 == 0 {
					client.CloseIdleConnections()
				}
				got, err := rig.Try(client, rig.Request{URL: fmt.Sprintf("https://%s:%d/healthz", shop, d.front)})
				l.requests.Add(1)
				if err == nil && got.StatusCode != http.StatusOK {
					err = fmt.Errorf("the answer is %s", got.Status)
				}
				if err != nil {
					l.failures.Add(1)
					l.mu.Lock()
					l.last = err
					l.mu.Unlock()
				}
			}
		})
	}
	l.stop = sync.OnceFunc(func() { close(end); wg.Wait() })
	d.t.Cleanup(l.stop)
	return l
}

// ends stops the visitors. None of them may have failed.
func (l *load) ends(t *testing.T, what string) {
	t.Helper()
	l.stop()
	record(t, what, "%d of %d requests failed, %.0f a second", l.failures.Load(), l.requests.Load(),
		float64(l.requests.Load())/time.Since(l.began).Seconds())
	if l.failures.Load() > 0 {
		t.Errorf("%d of %d requests failed, the last one: %v", l.failures.Load(), l.requests.Load(), l.last)
	}
	if l.requests.Load() < 1000 {
		t.Errorf("%d requests are no load", l.requests.Load())
	}
}

// Each server is replaced in turn, as for a new version, while visitors come through HAProxy.
func TestAServerAfterTheOtherIsReplacedUnderLoad(t *testing.T) {
	d := deploy(t, 8*time.Second)
	l := d.visit(1000)
	for i := range d.servers {
		d.servers[i].Signal(t, syscall.SIGTERM)
		if code := d.servers[i].ExitCode(t, patience); code != 0 {
			t.Errorf("server %d ended with %d", i+1, code)
		}
		d.servers[i] = d.start(i)
		d.waitFor(i, nil)
		time.Sleep(2 * time.Second) // until HAProxy has seen it ready
	}
	l.ends(t, "all three replaced in turn")
	d.wantOrders(1)
}

// Redis stops for half a minute, and then loses all that it had.
func TestVisitorsDoNotNoticeThatTheStoreIsGone(t *testing.T) {
	d := deploy(t, time.Second)
	l := d.visit(200)
	d.redis.Signal(t, syscall.SIGSTOP)
	time.Sleep(30 * time.Second)
	d.redis.Signal(t, syscall.SIGCONT)
	rig.Eventually(t, patience, "the store to answer again", func() bool {
		return strings.Contains(d.redis.Ask(t, "KEYS turnkey:*"), shop+".pem")
	})
	if left := d.redis.Ask(t, "FLUSHALL\r\nDBSIZE"); !strings.Contains(left, ":0\r\n") {
		t.Errorf("the store has something left: %q", left)
	}
	emptied := time.Now()
	rig.Eventually(t, 10*time.Second, "account, certificate and ticket keys in the store again", func() bool {
		keys := d.redis.Ask(t, "KEYS turnkey:*")
		return strings.Contains(keys, shop+".pem") && strings.Contains(keys, "account.key") && strings.Contains(keys, "ticket")
	})
	record(t, "after FLUSHALL", "all keys are back after %.1f s", time.Since(emptied).Seconds())
	l.ends(t, "Redis stopped for 30 s, then emptied")
	d.wantOrders(1)
}
