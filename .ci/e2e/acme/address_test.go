package acme

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// A server has a certificate for each of its addresses, beside those of its names, and gives clients without a server
// name the one for the address that they have connected to. No setting names a profile.
func TestAddressesHaveCertificates(t *testing.T) {
	t.Parallel()
	for _, test := range eachChallenge {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, addresses := newPorts(t), rig.Loopbacks(t)
			o := test.pebble(p, rig.Port(t))
			o.Profiles = map[string]time.Duration{"classic": 90 * 24 * time.Hour, "shortlived": 160 * time.Hour}
			pebble := rig.StartPebble(t, o)
			asked := ordersOf(pebble)
			cache := t.TempDir()
			env := p.everywhere().With(from(pebble, cache)).With(test.env).With(rig.Env{
				"DOMAINS": strings.Join(addresses, ",") + "," + shop, "SHUTDOWN_GRACE": "1s"})
			first := rig.Start(t, t.TempDir(), env)
			serials := map[string]string{}
			for _, host := range append(addresses, shop) {
				rig.Eventually(t, acmeTime, "a certificate for "+host, func() bool {
					state, err := verified(p.at(host), host, pebble.Roots(t))
					if err == nil {
						serials[host] = state.PeerCertificates[0].SerialNumber.String()
					}
					return err == nil
				})
			}
			for _, o := range asked() {
				isAddress := o.Identifiers[0].Type == "ip"
				if isAddress != (o.Identifiers[0].Value != shop) || isAddress != (o.Profile == "shortlived") {
					t.Errorf("ordered %+v, want the type ip and the profile shortlived for addresses alone", o)
				}
			}
			for _, host := range addresses {
				state, err := verified(p.at(host), host, pebble.Roots(t))
				if err != nil {
					t.Fatal(err)
				}
				leaf := state.PeerCertificates[0]
				if life := leaf.NotAfter.Sub(leaf.NotBefore).Round(time.Hour); life != 160*time.Hour ||
					len(leaf.DNSNames) > 0 || leaf.Subject.CommonName != "" || len(leaf.IPAddresses) != 1 {
					t.Errorf("the certificate for %s lives %s, for %v %v %q", host, life, leaf.DNSNames, leaf.IPAddresses,
						leaf.Subject.CommonName)
				}
			}

			for name := range files(t, cache) {
				if strings.Contains(name, ":") {
					t.Errorf("ACME_CACHE has %s, and Windows has no colon in a name", name)
				}
			}
			orders := pebble.OrdersAsked()
			first.Signal(t, syscall.SIGTERM)
			first.ExitCode(t, 10*time.Second)
			rig.Start(t, t.TempDir(), env)
			for host, serial := range serials {
				rig.Eventually(t, acmeTime, "the certificate for "+host+" after a restart", func() bool {
					state, err := verified(p.at(host), host, pebble.Roots(t))
					return err == nil && state.PeerCertificates[0].SerialNumber.String() == serial
				})
			}
			if got := pebble.OrdersAsked(); got != orders {
				t.Errorf("a restart asked for %d orders, want none", got-orders)
			}
		})
	}
}

// A site without a name is reached, redirected and refused by its address. Browsers keep no rule of HSTS for an address,
// so none is sent.
func TestSiteIsServedUnderItsAddress(t *testing.T) {
	t.Parallel()
	p, addresses := newPorts(t), rig.Loopbacks(t)
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: p.https, HTTPPort: p.http})
	env := p.everywhere().With(from(pebble, t.TempDir())).With(rig.Env{"DOMAINS": strings.Join(addresses, ",")})
	site := rig.Start(t, t.TempDir(), env)
	client := &http.Client{Timeout: 10 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pebble.Roots(t)}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, host := range addresses {
		secure, plain := "https://"+p.at(host), "http://"+net.JoinHostPort(host, fmt.Sprint(p.http))
		rig.Eventually(t, acmeTime, "a page at "+secure, func() bool {
			got, err := rig.Try(client, rig.Request{URL: secure + "/"})
			return err == nil && got.StatusCode == http.StatusOK && got.ProtoMajor == 2 &&
				got.Header.Get("Strict-Transport-Security") == "" && got.Header.Get("Content-Security-Policy") != ""
		})
		if got := rig.Get(t, client, plain+"/a?b=c"); got.StatusCode != http.StatusPermanentRedirect ||
			got.Header.Get("Location") != secure+"/a?b=c" {
			t.Errorf("%s = %s to %s", plain, got.Status, got.Header.Get("Location"))
		}
		for _, other := range []string{"192.0.2.1", "[2001:db8::1]:8443", shop} {
			if got := rig.Ask(t, client, rig.Request{URL: secure + "/", Host: other}); got.StatusCode != 421 {
				t.Errorf("%s with the host %s = %s, want 421", secure, other, got.Status)
			}
		}
	}
	rig.Eventually(t, acmeTime, "the line about the addresses", func() bool {
		return len(site.Logged(func(line map[string]any) bool { return line["url"] != nil })) > 0
	})
	for _, line := range site.Logged(func(line map[string]any) bool { return line["url"] != nil }) {
		if got := fmt.Sprint(line["url"]); !strings.HasPrefix(got, "https://"+p.at(addresses[0])+" ") {
			t.Errorf("the start says %q, want the address %s", got, p.at(addresses[0]))
		}
	}
	got := rig.Run(t, t.TempDir(), env, "check")
	if got.ExitCode != 0 || !strings.Contains(got.Stdout, "hosts        "+strings.Join(addresses, ", ")) ||
		!strings.Contains(got.Stdout, "not for addresses") {
		t.Errorf("check: %d\n%s%s", got.ExitCode, got.Stdout, got.Stderr)
	}
}

// The server chooses the profile for addresses only where the authority lists it and no setting names another.
func TestProfileOfAnAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, set, want string
		profiles        map[string]time.Duration
	}{
		{"the authority lists no such profile", "", "", map[string]time.Duration{"default": time.Hour}},
		{"the operator has chosen", "classic", "classic", map[string]time.Duration{"classic": time.Hour, "shortlived": time.Hour}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPorts(t)
			pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: p.https, HTTPPort: p.http, Profiles: test.profiles})
			asked := ordersOf(pebble)
			rig.Start(t, t.TempDir(), p.env().With(from(pebble, t.TempDir())).With(rig.Env{
				"DOMAINS": "127.0.0.1", "ACME_PROFILE": test.set}))
			rig.Eventually(t, acmeTime, "a certificate", func() bool {
				_, err := verified(p.at("127.0.0.1"), "127.0.0.1", pebble.Roots(t))
				return err == nil
			})
			if got := asked(); len(got) != 1 || got[0].Profile != test.want {
				t.Errorf("ordered %+v, want the profile %q", got, test.want)
			}
		})
	}
}

// The CA's own words come, and each challenge that failed has an order of its own.
func TestAddressThatTheAuthorityDoesNotReach(t *testing.T) {
	t.Parallel()
	p := newPorts(t)
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: rig.Port(t), HTTPPort: rig.Port(t)})
	site := rig.Start(t, t.TempDir(), p.env().With(from(pebble, t.TempDir())).With(rig.Env{"DOMAINS": "127.0.0.1"}))
	waitForError(t, site, "127.0.0.1", "connection refused", "tls-alpn-01", "http-01", "again_in")
	if got := pebble.OrdersAsked(); got != 2 {
		t.Errorf("%d orders, want one for each challenge", got)
	}
}

// Helpers

// everywhere opens both ports of all addresses in production.
func (p ports) everywhere() rig.Env {
	return rig.Env{"ENV": "prod", "HTTPS_ADDR": fmt.Sprintf(":%d", p.https), "HTTP_ADDR": fmt.Sprintf(":%d", p.http)}
}

// at is where the site answers for an address, or for a name.
func (p ports) at(host string) string {
	if net.ParseIP(host) == nil {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, fmt.Sprint(p.https))
}

// order is the payload of a request for an order (RFC 8555 §7.4).
type order struct {
	Identifiers []struct{ Type, Value string }
	Profile     string
}

// ordersOf returns a function for the orders that pebble was asked for since.
func ordersOf(pebble *rig.Pebble) func() []order {
	var mu sync.Mutex
	var orders []order
	pebble.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if !pebble.IsNewOrder(r) {
			return false
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		var jws struct{ Payload string }
		var o order
		json.Unmarshal(body, &jws)
		payload, _ := base64.RawURLEncoding.DecodeString(jws.Payload)
		json.Unmarshal(payload, &o)
		mu.Lock()
		defer mu.Unlock()
		orders = append(orders, o)
		return false
	})
	return func() []order {
		mu.Lock()
		defer mu.Unlock()
		return append([]order{}, orders...)
	}
}
