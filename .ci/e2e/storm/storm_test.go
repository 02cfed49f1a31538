// Package storm tests the product's promises about automatic certificates with an ACME server and stores that fail in
// the ways that they fail in production.
package storm

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

const (
	shop = "shop.example.test"
	blog = "blog.example.test"

	patience = 20 * time.Second // for what takes a second on an idle machine
)

func TestMain(m *testing.M) { rig.Main(m) }

// scene is a site and its CA.
type scene struct {
	t      *testing.T
	https  int
	http   int
	cache  string
	pebble *rig.Pebble
	env    rig.Env
}

// newScene starts a site for shop that passes challenges. o changes the CA, env the site.
func newScene(t *testing.T, o rig.PebbleOptions, env rig.Env) *scene {
	t.Helper()
	s := &scene{t: t, https: rig.Port(t), http: rig.Port(t), cache: filepath.Join(t.TempDir(), "acme")}
	if o.HTTPPort == 0 {
		o.HTTPPort = s.http
	}
	if o.TLSPort == 0 {
		o.TLSPort = s.https
	}
	s.pebble = rig.StartPebble(t, o)
	s.env = rig.Env{"ENV": "prod", "DOMAINS": shop, "HTTPS_ADDR": rig.Loopback(s.https), "HTTP_ADDR": rig.Loopback(s.http), "SHUTDOWN_GRACE": "1s",
		"ACME_DIRECTORY": s.pebble.Directory, "ACME_CA_FILE": s.pebble.CAFile, "ACME_CACHE": s.cache}.With(env)
	return s
}

func (s *scene) start() *rig.Product { s.t.Helper(); return rig.Start(s.t, s.t.TempDir(), s.env) }

// leaf is the leaf that the server sends for host.
func (s *scene) leaf(host string) (*x509.Certificate, error) {
	state, err := rig.Handshake(rig.Loopback(s.https), &tls.Config{ServerName: host, InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		return nil, err
	}
	return state.PeerCertificates[0], nil
}

// served waits until host has a certificate other than those.
func (s *scene) served(host string, other ...*x509.Certificate) *x509.Certificate {
	s.t.Helper()
	var leaf *x509.Certificate
	rig.Eventually(s.t, 2*patience, "a new certificate for "+host, func() bool {
		got, err := s.leaf(host)
		if err != nil {
			return false
		}
		for _, o := range other {
			if got.Equal(o) {
				return false
			}
		}
		leaf = got
		return true
	})
	return leaf
}

// kept waits for a file in the store that ends with suffix and returns its path.
func (s *scene) kept(suffix string) string {
	s.t.Helper()
	var found string
	rig.Eventually(s.t, patience, "a file *"+suffix+" in the store", func() bool {
		filepath.WalkDir(s.cache, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, suffix) {
				found = path
			}
			return nil
		})
		return found != ""
	})
	return found
}

// errors waits for an error line about shop that contains words.
func (s *scene) errorLine(p *rig.Product, words string) map[string]any {
	s.t.Helper()
	var found map[string]any
	rig.Eventually(s.t, patience, "an error line that says "+words, func() bool {
		for _, line := range p.Logged(func(line map[string]any) bool { return line["level"] == "ERROR" }) {
			if strings.Contains(fmt.Sprint(line), words) {
				found = line
				return true
			}
		}
		return false
	})
	return found
}

func (s *scene) readyz() (int, string) {
	s.t.Helper()
	answer := rig.Get(s.t, http.DefaultClient, fmt.Sprintf("http://%s/readyz", rig.Loopback(s.http)))
	return answer.StatusCode, answer.Body
}

func (s *scene) wantOrders(want int) {
	s.t.Helper()
	if got := s.pebble.OrdersAsked(); got != want {
		s.t.Errorf("orders asked for = %d, want %d", got, want)
	}
}

// breakStore makes every write to the store fail, also for root. The returned function repairs it.
func breakStore(t *testing.T, cache string) (mend func()) {
	aside := cache + ".aside"
	if err := os.Rename(cache, aside); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(cache, nil, 0o600); err != nil {
		t.Error(err)
	}
	return func() {
		if err := os.Remove(cache); err != nil {
			t.Error(err)
		}
		if err := os.Rename(aside, cache); err != nil {
			t.Error(err)
		}
	}
}
