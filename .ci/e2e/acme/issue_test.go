package acme

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// Each of the two challenges suffices: the CA gets no answer at the port of the other one.
func TestCertificateIsOrderedBeforeTheFirstVisitor(t *testing.T) {
	t.Parallel()
	for _, test := range eachChallenge {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPorts(t)
			pebble := rig.StartPebble(t, test.pebble(p, rig.Port(t)))
			rig.Start(t, t.TempDir(), p.env().With(from(pebble, t.TempDir())).With(rig.Env{"DOMAINS": shop}).With(test.env))

			// No client has requested a page yet.
			rig.Eventually(t, acmeTime, "the certificate to be fetched", func() bool { return pebble.Fetched() > 0 })
			orders := pebble.Orders()

			var state tls.ConnectionState
			rig.Eventually(t, 2*time.Second, "a handshake with the certificate", func() (ok bool) {
				var err error
				state, err = verified(rig.Loopback(p.https), shop, pebble.Roots(t))
				return err == nil
			})
			key, ok := state.PeerCertificates[0].PublicKey.(*ecdsa.PublicKey)
			if !ok || key.Curve != elliptic.P256() {
				t.Errorf("public key = %T, want ECDSA on P-256", state.PeerCertificates[0].PublicKey)
			}
			if got := state.NegotiatedProtocol; got != "h2" {
				t.Errorf("protocol = %q, want h2", got)
			}
			if got := rig.Get(t, rig.Visitor(pebble.Roots(t)), p.secure(shop, "/")); got.StatusCode != http.StatusOK || got.ProtoMajor != 2 {
				t.Errorf("/ = %s over %s, want 200 over HTTP/2.0", got.Status, got.Proto)
			}
			if got := pebble.OrdersAsked(); got != orders {
				t.Errorf("the first visitor made %d orders", got-orders)
			}
		})
	}
}

func TestRestartOrdersNothing(t *testing.T) {
	t.Parallel()
	p := newPorts(t)
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: p.https, HTTPPort: p.http})
	cache := filepath.Join(t.TempDir(), "acme")
	env := p.env().With(from(pebble, cache)).With(rig.Env{"DOMAINS": shop + "," + blog, "SHUTDOWN_GRACE": "1s"})

	first := rig.Start(t, t.TempDir(), env)
	serials := map[string]string{}
	for _, host := range []string{shop, blog} {
		rig.Eventually(t, acmeTime, "a certificate for "+host, func() bool {
			state, err := verified(rig.Loopback(p.https), host, pebble.Roots(t))
			if err == nil {
				serials[host] = state.PeerCertificates[0].SerialNumber.String()
			}
			return err == nil
		})
	}
	for name, mode := range files(t, cache) {
		want := os.FileMode(0o600)
		if mode.IsDir() {
			want = 0o700
		}
		if got := mode.Perm(); got != want {
			t.Errorf("mode of %s in the cache = %o, want %o", name, got, want)
		}
	}
	orders := pebble.Orders()
	if orders != 2 {
		t.Errorf("orders for two hosts = %d, want 2", orders)
	}
	first.Signal(t, syscall.SIGTERM)
	if got := first.ExitCode(t, 10*time.Second); got != 0 {
		t.Errorf("exit status = %d, want 0", got)
	}

	rig.Start(t, t.TempDir(), env)
	for _, host := range []string{shop, blog} {
		var state tls.ConnectionState
		rig.Eventually(t, acmeTime, "the certificate for "+host+" after a restart", func() bool {
			var err error
			state, err = verified(rig.Loopback(p.https), host, pebble.Roots(t))
			return err == nil
		})
		if got := state.PeerCertificates[0].SerialNumber.String(); got != serials[host] {
			t.Errorf("%s has another certificate after a restart", host)
		}
	}
	if got := pebble.OrdersAsked(); got != orders {
		t.Errorf("a restart asked for %d orders, want none", got-orders)
	}
}

func TestExternalAccountBinding(t *testing.T) {
	t.Parallel()
	const kid, key = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"

	t.Run("with the CA's key", func(t *testing.T) {
		t.Parallel()
		p := newPorts(t)
		pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: p.https, HTTPPort: p.http, EAB: map[string]string{kid: key}})
		rig.Start(t, t.TempDir(), p.env().With(from(pebble, t.TempDir())).With(rig.Env{
			"DOMAINS": shop, "ACME_EMAIL": "owner@example.test", "ACME_EAB_KID": kid, "ACME_EAB_HMAC_KEY": key,
		}))
		waitReady(t, p.plain("127.0.0.1", "/readyz"))
		if _, err := verified(rig.Loopback(p.https), shop, pebble.Roots(t)); err != nil {
			t.Error(err)
		}
	})
	t.Run("without, the CA's error is in the log", func(t *testing.T) {
		t.Parallel()
		p := newPorts(t)
		pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: p.https, HTTPPort: p.http, EAB: map[string]string{kid: key}})
		site := rig.Start(t, t.TempDir(), p.env().With(from(pebble, t.TempDir())).With(rig.Env{"DOMAINS": shop}))
		waitForError(t, site, shop, "externalAccountRequired")
	})
}

// The CA reaches neither port, as for a site whose DNS record does not exist yet.
func TestServerRunsWhileChallengesFail(t *testing.T) {
	t.Parallel()
	p := newPorts(t)
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: rig.Port(t), HTTPPort: rig.Port(t)})
	site := rig.Start(t, t.TempDir(), p.env().With(from(pebble, t.TempDir())).With(rig.Env{"DOMAINS": shop}))

	waitForError(t, site, shop)
	asked := pebble.OrdersAsked()

	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
		if got := rig.Get(t, stranger(), p.plain("127.0.0.1", path)).StatusCode; got != want {
			t.Errorf("%s = %d, want %d", path, got, want)
		}
	}
	// The server refuses visitors at once and orders nothing. A busy machine may delay some of them, but not all.
	fastest := time.Minute
	for range 20 {
		start := time.Now()
		if _, err := verified(rig.Loopback(p.https), shop, pebble.Roots(t)); err == nil {
			t.Fatal("a handshake succeeded without a certificate")
		}
		fastest = min(fastest, time.Since(start))
	}
	if fastest > time.Second {
		t.Errorf("a visitor waited %s to be turned away", fastest)
	}
	time.Sleep(time.Second)
	if got := pebble.OrdersAsked(); got != asked {
		t.Errorf("visitors made %d more orders", got-asked)
	}
	if site.Exited() {
		t.Error("the server ended")
	}
}

// The CA answers that the client must wait an hour.
func TestServerWaitsAsLongAsARateLimitSays(t *testing.T) {
	t.Parallel()
	const words = "too many certificates (5) already issued for this exact set of domains"
	p := newPorts(t)
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: p.https, HTTPPort: p.http})
	pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if pebble.IsNewOrder(r) {
			rig.RateLimited(w, words, time.Hour)
			return true
		}
		return false
	})
	site := rig.Start(t, t.TempDir(), p.env().With(from(pebble, t.TempDir())).With(rig.Env{"DOMAINS": shop}))

	waitForError(t, site, shop, words)
	for range 20 {
		verified(rig.Loopback(p.https), shop, pebble.Roots(t)) // visitors do not make it worse
	}
	time.Sleep(3 * time.Second)
	if got := pebble.OrdersAsked(); got != 1 {
		t.Errorf("orders asked for = %d, want 1", got)
	}
}

// The CA first fails, then takes two seconds. No visitor waits for it.
func TestSlowAndFailingCAIsRetried(t *testing.T) {
	t.Parallel()
	p := newPorts(t)
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: p.https, HTTPPort: p.http})
	asked := make(chan bool, 10)
	pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !pebble.IsNewOrder(r) {
			return false
		}
		asked <- true
		if pebble.OrdersAsked() == 1 {
			rig.Problem(w, http.StatusServiceUnavailable, "serverInternal", "down for maintenance")
			return true
		}
		time.Sleep(2 * time.Second)
		return false
	})
	rig.Start(t, t.TempDir(), p.env().With(from(pebble, t.TempDir())).With(rig.Env{"DOMAINS": shop}))

	for range 2 {
		select {
		case <-asked:
		case <-time.After(acmeTime):
			t.Fatal("the order was not asked for again after a 503")
		}
	}
	start := time.Now()
	if _, err := verified(rig.Loopback(p.https), shop, pebble.Roots(t)); err == nil {
		t.Error("a handshake succeeded before there was a certificate")
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("a visitor waited %s for the CA", took)
	}
	waitReady(t, p.plain("127.0.0.1", "/readyz"))
	if _, err := verified(rig.Loopback(p.https), shop, pebble.Roots(t)); err != nil {
		t.Error(err)
	}
}

// Each of two domains gets a certificate of its own, with the whole chain.
func TestEachDomainHasItsCertificate(t *testing.T) {
	t.Parallel()
	p := newPorts(t)
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: p.https, HTTPPort: p.http})
	rig.Start(t, t.TempDir(), p.env().With(from(pebble, t.TempDir())).With(rig.Env{"DOMAINS": shop + "," + blog}))
	intermediate := rig.Pool(t, pebble.Intermediate(t))
	for _, host := range []string{shop, blog} {
		var state tls.ConnectionState
		rig.Eventually(t, acmeTime, "a certificate for "+host, func() bool {
			var err error
			state, err = verified(rig.Loopback(p.https), host, pebble.Roots(t))
			return err == nil
		})
		leaf := state.PeerCertificates[0]
		if got := fmt.Sprint(leaf.DNSNames); got != "["+host+"]" {
			t.Errorf("names = %s, want %s alone", got, host)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: intermediate}); err != nil {
			t.Errorf("not signed by the CA's intermediate: %v", err)
		}
	}
}

// Let's Encrypt sends four certificates, because its new roots are in no client's store yet and are signed by old ones.
// All four are served, also from the store.
func TestLongChainIsServedWhole(t *testing.T) {
	t.Parallel()
	p := newPorts(t)
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: p.https, HTTPPort: p.http, Chain: 3})
	env := p.env().With(from(pebble, t.TempDir())).With(rig.Env{"DOMAINS": shop, "SHUTDOWN_GRACE": "1s"})
	for _, from := range []string{"the CA", "the store"} {
		site := rig.Start(t, t.TempDir(), env)
		rig.Eventually(t, acmeTime, "a chain of four from "+from, func() bool {
			state, err := verified(rig.Loopback(p.https), shop, pebble.Roots(t))
			return err == nil && len(state.PeerCertificates) == 4
		})
		site.Signal(t, syscall.SIGTERM)
		site.ExitCode(t, 10*time.Second)
	}
	if got := pebble.OrdersAsked(); got != 1 {
		t.Errorf("%d orders, want 1", got)
	}
}

// Helpers

// eachChallenge has CAs that get an answer to one challenge alone, with the settings for it.
var eachChallenge = []struct {
	name   string
	pebble func(p ports, closed int) rig.PebbleOptions
	env    rig.Env
}{
	{"by tls-alpn-01 alone", func(p ports, closed int) rig.PebbleOptions {
		return rig.PebbleOptions{TLSPort: p.https, HTTPPort: closed}
	}, rig.Env{"HTTP_ADDR": "off"}},
	{"by http-01 alone", func(p ports, closed int) rig.PebbleOptions {
		return rig.PebbleOptions{TLSPort: closed, HTTPPort: p.http}
	}, nil},
}

// waitForError waits for a log line at level error about host that says all words.
func waitForError(t *testing.T, site *rig.Product, host string, words ...string) {
	t.Helper()
	rig.Eventually(t, acmeTime, fmt.Sprintf("an error line for %s with %q", host, words), func() bool {
		return len(site.Logged(func(line map[string]any) bool {
			text := fmt.Sprint(line)
			for _, w := range append(words, host) {
				if !strings.Contains(text, w) {
					return false
				}
			}
			return line["level"] == "ERROR"
		})) > 0
	})
}
