// Package fleet tests several servers of one site that share a store: a real Redis, a real ACME server, and HAProxy as
// the load balancer.
package fleet

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

const (
	shop     = "shop.example.test"
	patience = 30 * time.Second // for what takes a second on an idle machine
)

func TestMain(m *testing.M) { rig.Main(m) }

// fleet is a site on several servers.
type fleet struct {
	t      *testing.T
	pebble *rig.Pebble
	env    rig.Env // of every server
}

// server is one of them.
type server struct {
	*rig.Product
	https, http int
	host        string
}

// newFleet starts the CA, which looks at the given ports for answers to challenges.
func newFleet(t *testing.T, cache string, o rig.PebbleOptions) *fleet {
	f := &fleet{t: t, pebble: rig.StartPebble(t, o)}
	f.env = rig.Env{"ENV": "prod", "DOMAINS": shop, "SHUTDOWN_GRACE": "1s", "ACME_DIRECTORY": f.pebble.Directory,
		"ACME_CA_FILE": f.pebble.CAFile, "ACME_CACHE": cache}
	return f
}

// ports are those of a server that is started later. plain 0 is a closed port.
func ports(t *testing.T) (https, plain int) { return rig.Port(t), rig.Port(t) }

func (f *fleet) start(https, plain int) *server {
	f.t.Helper()
	env := f.env.With(rig.Env{"HTTPS_ADDR": rig.Loopback(https), "HTTP_ADDR": "off"})
	if plain != 0 {
		env["HTTP_ADDR"] = rig.Loopback(plain)
	}
	return &server{rig.Start(f.t, f.t.TempDir(), env), https, plain, f.env["DOMAINS"]}
}

// leaf is what a visitor is shown by one server; nil: no certificate.
func (s *server) leaf() *x509.Certificate {
	state, err := rig.Handshake(rig.Loopback(s.https), &tls.Config{ServerName: s.host, InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		return nil
	}
	return state.PeerCertificates[0]
}

// waitFor waits until all servers show one certificate, other than old, and returns it.
func (f *fleet) waitFor(limit time.Duration, old *x509.Certificate, servers ...*server) (leaf *x509.Certificate) {
	f.t.Helper()
	rig.Eventually(f.t, limit, "one new certificate on all servers", func() bool {
		leaf = servers[0].leaf()
		if leaf == nil || old != nil && leaf.Equal(old) {
			return false
		}
		for _, s := range servers[1:] {
			if other := s.leaf(); other == nil || !other.Equal(leaf) {
				return false
			}
		}
		return true
	})
	return leaf
}

// balancer starts HAProxy before the servers, on ports of its own. It asks each for /readyz on its plain port, as there is
// no TLS before there is a certificate, and where that is closed it looks whether the TLS port is open.
func balancer(t *testing.T, https, plain int, servers []*server) {
	t.Helper()
	var config bytes.Buffer
	fmt.Fprint(&config, "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n",
		" default-server check inter 200ms rise 1 fall 1\n")
	fmt.Fprintf(&config, "listen https\n bind 127.0.0.1:%d\n", https)
	if servers[0].http != 0 {
		fmt.Fprint(&config, " option httpchk GET /readyz\n")
	}
	for i, s := range servers {
		fmt.Fprintf(&config, " server s%d 127.0.0.1:%d", i, s.https)
		if s.http != 0 {
			fmt.Fprintf(&config, " port %d", s.http)
		}
		fmt.Fprintln(&config)
	}
	if servers[0].http != 0 {
		fmt.Fprintf(&config, "listen plain\n bind 127.0.0.1:%d\n option httpchk GET /readyz\n", plain)
		for i, s := range servers {
			fmt.Fprintf(&config, " server s%d 127.0.0.1:%d\n", i, s.http)
		}
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	rig.Write(t, file, config.Bytes(), 0o600)
	p := rig.Spawn(t, rig.Command{Path: rig.Need(t, "haproxy"), Args: []string{"-db", "-f", file}, Dir: t.TempDir()})
	p.WaitForPort(t, rig.Loopback(https))
}

func (f *fleet) wantOrders(want int) {
	f.t.Helper()
	if got := f.pebble.OrdersAsked(); got != want {
		f.t.Errorf("%d orders, want %d", got, want)
	}
}

// Three servers, or fifty, start at once, behind a balancer that sends nothing to one that is not ready, and the CA comes through
// that balancer.
func TestAColdStartIsOneOrderAndOneAccount(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind    string
		servers int
	}{{"http-01", 3}, {"tls-alpn-01", 3}, {"http-01", 50}} {
		t.Run(fmt.Sprint(test.servers, " ", test.kind), func(t *testing.T) {
			t.Parallel()
			front, frontPlain := ports(t)
			f := newFleet(t, rig.StartRedis(t).URL(), rig.PebbleOptions{HTTPPort: frontPlain, TLSPort: front})
			ready := make(chan bool)
			f.pebble.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
				if f.pebble.IsNewOrder(r) {
					<-ready
				}
				return false
			})
			var servers []*server
			for range test.servers {
				https, plain := ports(t)
				if test.kind == "tls-alpn-01" {
					plain = 0
				}
				servers = append(servers, f.start(https, plain))
			}
			balancer(t, front, frontPlain, servers)
			close(ready)
			began := time.Now()
			f.waitFor(patience, nil, servers...)
			took := time.Since(began).Seconds()
			f.wantOrders(1)
			accounts := 0
			for _, e := range f.pebble.Exchanges() {
				if e.Status == http.StatusCreated && strings.Contains(e.Path, "sign-me-up") {
					accounts++
				}
			}
			if accounts != 1 {
				t.Errorf("%d accounts, want 1", accounts)
			}
			record(t, fmt.Sprintf("cold start of %d, %s", test.servers, test.kind), "%d order, %d account, all serve after %.1f s",
				f.pebble.OrdersAsked(), accounts, took)
		})
	}
}

// The CA's questions, one for each of twenty names, reach a server that has not ordered. It is started in the middle of the
// orders, and knows no more than what is in the store. The CA finds one of the two ports closed, so that the other kind of
// challenge has to do.
func TestAnyServerAnswersTheChallengesOfAnother(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("shop%d.example.test", i))
	}
	for _, test := range []struct {
		kind   string
		hosts  []string
		orders int // for each host: autocert tries tls-alpn-01 first, and then orders anew
	}{
		{"http-01", names, 2}, {"tls-alpn-01", names, 1},
		{"http-01", []string{"127.0.0.1"}, 2}, {"tls-alpn-01", []string{"127.0.0.1"}, 1},
	} {
		t.Run(fmt.Sprintf("%s for %d of %s", test.kind, len(test.hosts), test.hosts[0]), func(t *testing.T) {
			t.Parallel()
			https, plain := ports(t)
			asks := rig.PebbleOptions{HTTPPort: plain, TLSPort: https}
			if test.kind == "http-01" {
				asks.TLSPort = rig.Port(t)
			} else {
				asks.HTTPPort = rig.Port(t)
			}
			f := newFleet(t, rig.StartRedis(t).URL(), asks)
			f.env["DOMAINS"] = strings.Join(test.hosts, ",")
			asked, resume := make(chan bool, 3*len(test.hosts)), make(chan bool)
			f.pebble.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
				if f.pebble.IsNewOrder(r) {
					asked <- true
					<-resume
				}
				return false
			})
			orders := f.start(ports(t))
			for range test.hosts {
				<-asked
			}
			answers := f.start(https, plain)
			// A balancer would send it nothing before it is ready: it has read the account's key, and that others order.
			rig.Eventually(t, patience, "another server that has read the store", func() bool {
				return strings.Count(answers.Stdout(), "has begun, here or in another process") == len(test.hosts)
			})
			close(resume)
			for _, host := range test.hosts {
				orders.host, answers.host = host, host
				f.waitFor(2*patience, nil, orders, answers)
			}
			f.wantOrders(test.orders * len(test.hosts))
			if len(test.hosts) > 1 {
				record(t, "asked of a server that did not order, "+test.kind, "%d of %d names answered", len(test.hosts), len(test.hosts))
			}
		})
	}
}

// A server dies in the middle of a renewal. Another renews when the lease of the first has ended.
func TestAnotherServerRenewsWhenTheFirstDies(t *testing.T) {
	t.Parallel()
	front, frontPlain := ports(t)
	f := newFleet(t, rig.StartRedis(t).URL(), rig.PebbleOptions{HTTPPort: frontPlain, TLSPort: front,
		Profiles: map[string]time.Duration{"default": 2 * time.Minute}})
	servers := []*server{f.start(ports(t)), f.start(ports(t)), f.start(ports(t))}
	ready := make(chan bool)
	finalizing, dead := make(chan bool, 10), make(chan bool)
	f.pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		<-ready
		if strings.HasPrefix(r.URL.Path, "/finalize-order/") && f.pebble.Orders() > 1 {
			select {
			case <-dead:
			case finalizing <- true:
				<-dead
				rig.Problem(w, http.StatusInternalServerError, "serverInternal", "nobody waits for this")
				return true
			}
		}
		return false
	})
	balancer(t, front, frontPlain, servers)
	close(ready)
	old := f.waitFor(patience, nil, servers...)
	<-finalizing
	var left []*server
	for _, s := range servers {
		begun := s.Logged(func(line map[string]any) bool { return line["msg"] == "getting a certificate" })
		began, _ := time.Parse(time.RFC3339Nano, fmt.Sprint(append(begun, map[string]any{})[max(0, len(begun)-1)]["time"]))
		if time.Since(began) < 20*time.Second {
			s.Signal(t, syscall.SIGKILL)
			s.ExitCode(t, patience)
		} else {
			left = append(left, s)
		}
	}
	close(dead)
	died := time.Now()
	if len(left) != 2 {
		t.Fatalf("%d servers are left, want 2", len(left))
	}
	f.waitFor(40*time.Second, old, left...)
	record(t, "the server that orders is killed", "another has renewed after %.1f s, %d orders in all", time.Since(died).Seconds(), f.pebble.OrdersAsked())
	if got := f.pebble.OrdersAsked(); got > 3 {
		t.Errorf("%d orders, want 3 at most: the first, the one whose server died, and one more", got)
	}
}

// A server sleeps in the middle of its order, for longer than its lease, and wakes up when another has the certificate.
func TestAServerThatSleptChangesNothing(t *testing.T) {
	t.Parallel()
	https, plain := ports(t)
	redis := rig.StartRedis(t)
	f := newFleet(t, redis.URL(), rig.PebbleOptions{HTTPPort: plain, TLSPort: https})
	asked, asleep := make(chan bool, 10), make(chan bool)
	f.pebble.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if f.pebble.IsNewOrder(r) {
			select {
			case <-asleep:
			case asked <- true:
				<-asleep
			}
		}
		return false
	})
	first := f.start(ports(t))
	<-asked
	first.Signal(t, syscall.SIGSTOP)
	close(asleep)
	second := f.start(https, plain)
	leaf := f.waitFor(90*time.Second, nil, second) // it waits a minute after the attempt that it finds begun
	rig.Eventually(t, patience, "the lock to be given back", func() bool {
		return !strings.Contains(redis.Ask(t, "KEYS turnkey:*"), shop+".lock")
	})
	orders, requests := f.pebble.OrdersAsked(), len(f.pebble.Exchanges())
	first.Signal(t, syscall.SIGCONT)
	if got := f.waitFor(patience, nil, first, second); !got.Equal(leaf) {
		t.Error("the server that slept has another certificate")
	}
	f.wantOrders(orders)
	for _, e := range f.pebble.Exchanges()[requests:] {
		if strings.HasPrefix(e.Path, "/finalize-order/") || strings.HasPrefix(e.Path, "/chalZ/") {
			t.Errorf("after it slept, %s %s was asked", e.Method, e.Path)
		}
	}
	if out := first.Stdout(); !strings.Contains(out, "the attempt is given up") {
		t.Errorf("the log does not say that the attempt was given up:\n%s", out)
	}
}

// One renews, all serve it. Redis loses all that it had, and gets it back. The next renewal comes as before.
func TestARenewalIsServedByAllAlsoAfterTheStoreWasEmptied(t *testing.T) {
	t.Parallel()
	https, plain := ports(t)
	redis := rig.StartRedis(t)
	f := newFleet(t, redis.URL(), rig.PebbleOptions{HTTPPort: plain, TLSPort: https,
		Profiles: map[string]time.Duration{"default": 80 * time.Second}})
	servers := []*server{f.start(https, plain), f.start(ports(t)), f.start(ports(t))}
	first := f.waitFor(patience, nil, servers...)
	account := redis.Ask(t, "GET turnkey:"+f.slot()+"/account.key")
	redis.Ask(t, "FLUSHALL")
	rig.Eventually(t, 10*time.Second, "the certificate in the store again", func() bool {
		return strings.Contains(redis.Ask(t, "GET turnkey:"+f.slot()+"/"+shop+".pem"), "CERTIFICATE")
	})
	if got := redis.Ask(t, "GET turnkey:"+f.slot()+"/account.key"); got != account {
		t.Error("the account's key is another one after the store was emptied")
	}
	f.wantOrders(1)
	rig.Eventually(t, time.Minute, "a renewal", func() bool {
		for _, s := range servers {
			if leaf := s.leaf(); leaf != nil && !leaf.Equal(first) {
				return true
			}
		}
		return false
	})
	began := time.Now()
	f.waitFor(10*time.Second, first, servers...)
	record(t, "a renewal after FLUSHALL", "all serve it %.1f s after the first", time.Since(began).Seconds())
	f.wantOrders(2)
}

// The CA refuses. The servers do not try one after the other.
func TestAFailureIsOneFailureForAll(t *testing.T) {
	t.Parallel()
	https, plain := ports(t)
	f := newFleet(t, rig.StartRedis(t).URL(), rig.PebbleOptions{HTTPPort: plain, TLSPort: https})
	f.pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if f.pebble.IsNewOrder(r) {
			rig.Problem(w, http.StatusForbidden, "caa", "the CAA record forbids it")
			return true
		}
		return false
	})
	servers := []*server{f.start(https, plain), f.start(ports(t)), f.start(ports(t))}
	for _, s := range servers {
		rig.Eventually(t, patience, "each server to know the failure, or the attempt", func() bool {
			out := s.Stdout()
			return strings.Contains(out, "the CAA record forbids it") || strings.Contains(out, "has begun")
		})
	}
	f.wantOrders(1)
}

// Processes of one machine share a folder. One is killed in its attempt.
func TestProcessesOfOneMachineShareAFolder(t *testing.T) {
	t.Parallel()
	https, plain := ports(t)
	f := newFleet(t, filepath.Join(t.TempDir(), "acme"), rig.PebbleOptions{HTTPPort: plain, TLSPort: https})
	asked, dead := make(chan bool, 10), make(chan bool)
	f.pebble.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if f.pebble.IsNewOrder(r) {
			select {
			case <-dead:
			case asked <- true:
				<-dead
			}
		}
		return false
	})
	first := f.start(ports(t))
	<-asked
	others := []*server{f.start(https, plain), f.start(ports(t))}
	first.Signal(t, syscall.SIGKILL)
	first.ExitCode(t, patience)
	close(dead)
	f.waitFor(90*time.Second, nil, others...) // they wait a minute after the attempt that they find begun
	f.wantOrders(2)
}

// slot is the part of the store's keys that names the CA.
func (f *fleet) slot() string {
	host, path, _ := strings.Cut(strings.TrimPrefix(f.pebble.Directory, "https://"), "/")
	return strings.ReplaceAll(host, ":", "-") + "-" + strings.ReplaceAll(path, "/", "-")
}
