package storm

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// damages are changes that a proxy may make to a certificate that the CA sends.
var damages = map[string]func(t *testing.T, whole []byte) (contentType string, body []byte){
	"cut off in the intermediate": func(t *testing.T, whole []byte) (string, []byte) { return "", whole[:len(whole)-200] },
	"a damaged block":             func(t *testing.T, whole []byte) (string, []byte) { return "", withoutLine(whole) },
	"the leaf alone":              func(t *testing.T, whole []byte) (string, []byte) { return "", firstBlock(whole) },
	"without the leaf":            func(t *testing.T, whole []byte) (string, []byte) { return "", whole[len(firstBlock(whole)):] },
	"another site's": func(t *testing.T, whole []byte) (string, []byte) {
		return "", rig.NewCA(t, "Other").Issue(t, rig.Leaf{Names: []string{shop}}).Chain
	},
	"a foreign intermediate": func(t *testing.T, whole []byte) (string, []byte) {
		other := rig.NewCA(t, "Other").Issue(t, rig.Leaf{Names: []string{shop}})
		return "", append(firstBlock(whole), other.Chain[len(other.LeafOnly):]...)
	},
	"a page": func(t *testing.T, whole []byte) (string, []byte) {
		return "text/html", []byte("<title>Please wait</title>")
	},
	"nothing": func(t *testing.T, whole []byte) (string, []byte) { return "", []byte{} },
}

// A proxy damages the certificate. The site fetches it again from the same URL and places no second order.
func TestDamagedCertificateIsFetchedNotOrderedAgain(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, rig.PebbleOptions{}, nil)
			s.damage(1, damage)
			p := s.start()
			s.verified()
			s.wantOrders(1)
			if got := s.pebble.Fetched(); got != 2 {
				t.Errorf("the certificate was fetched %d times, want twice", got)
			}
			if !strings.Contains(p.Stdout(), "it is fetched again from the same URL") {
				t.Error("the log does not say that it is fetched again")
			}
			s.kept(shop + ".pem")
			s.goneFrom(shop + ".order")
		})
	}
}

// Every response is damaged until the process is killed. After the restart the response is undamaged.
func TestDamagedCertificateIsFetchedAgainAfterARestart(t *testing.T) {
	for _, name := range []string{"cut off in the intermediate", "another site's", "a page", "nothing"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, rig.PebbleOptions{}, nil)
			s.damage(1<<30, damages[name])
			for range 3 { // starts of a crash loop
				p := s.start()
				file := s.kept(shop + ".order")
				if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("the order with its key is kept with mode %v (%v), want 0600", info.Mode(), err)
				}
				before := s.pebble.Fetched()
				p.Signal(t, syscall.SIGHUP)
				rig.Eventually(t, patience, "the certificate to be fetched", func() bool { return s.pebble.Fetched() > before })
				p.Signal(t, syscall.SIGKILL)
				p.ExitCode(t, patience)
			}
			s.wantOrders(1)
			s.pebble.Intercept(nil)
			p := s.start()
			p.Signal(t, syscall.SIGHUP)
			s.verified()
			s.wantOrders(1)
			s.goneFrom(shop + ".order")
		})
	}
}

// The process is killed after it has finalized the order and before it has read the certificate's URL.
func TestKillDuringAnOrderCausesNoSecondOrder(t *testing.T) {
	t.Parallel()
	s := newScene(t, rig.PebbleOptions{}, nil)
	hang := make(chan struct{})
	finalized := make(chan struct{}, 8)
	s.pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/finalize-order/") {
			s.pebble.Pass(r)
			finalized <- struct{}{}
			<-hang
			return true
		}
		return false
	})
	p := s.start()
	select {
	case <-finalized:
	case <-time.After(patience):
		t.Fatal("the order was not finalized")
	}
	p.Signal(t, syscall.SIGKILL)
	p.ExitCode(t, patience)
	close(hang)
	s.pebble.Intercept(nil)
	s.start().Signal(t, syscall.SIGHUP)
	s.verified()
	s.wantOrders(1)
}

// The CA finalizes the order, and a proxy loses the response. autocert sends the request again, which the CA refuses,
// because an order is finalized once. No second order is placed.
func TestLostFinalizeResponseCausesNoSecondOrder(t *testing.T) {
	t.Parallel()
	s := newScene(t, rig.PebbleOptions{}, nil)
	var lost atomic.Bool
	s.pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/finalize-order/") || lost.Swap(true) {
			return false
		}
		s.pebble.Pass(r)
		w.WriteHeader(http.StatusGatewayTimeout)
		return true
	})
	p := s.start()
	s.errorLine(p, "orderNotReady")
	s.kept(shop + ".order")
	p.Signal(t, syscall.SIGHUP)
	s.verified()
	s.wantOrders(1)
}

// The renewal ends sooner than the served certificate, as after a change of ACME_PROFILE. If the old one were kept, it
// would be due for renewal for ever.
func TestRenewalThatEndsSoonerIsServedAndNotOrderedAgain(t *testing.T) {
	t.Parallel()
	profiles := map[string]time.Duration{"default": 60 * time.Second, "short": 20 * time.Second}
	s := newScene(t, rig.PebbleOptions{Profiles: profiles}, rig.Env{"ACME_PROFILE": "default"})
	p := s.start()
	first := s.verified()
	s.kept(shop + ".pem")
	p.Signal(t, syscall.SIGTERM)
	p.ExitCode(t, patience)
	s.env["ACME_PROFILE"] = "short"
	s.start()
	got := s.served(shop, first)
	if !got.NotAfter.Before(first.NotAfter) {
		t.Fatalf("the renewal ends on %s and the first certificate on %s: this proves nothing", got.NotAfter, first.NotAfter)
	}
	time.Sleep(2 * time.Second)
	s.wantOrders(2)
}

// A private CA's root may sign the leaf directly, so a leaf without a chain is served, with a warning, if there is no
// other certificate.
func TestLeafWithoutChainIsServedIfThereIsNoOther(t *testing.T) {
	t.Parallel()
	s := newScene(t, rig.PebbleOptions{}, nil)
	s.damage(1<<30, damages["the leaf alone"])
	p := s.start()
	leaf := s.served(shop)
	s.line(p, "WARN", "it is served without one")
	if status, body := s.readyz(); status != 200 {
		t.Errorf("/readyz = %d %s", status, body)
	}
	roots := rig.Pool(t, append(s.pebble.RootPEM(t), s.pebble.Intermediate(t)...)) // as if the signer were a root
	if _, err := rig.Handshake(rig.Loopback(s.https), &tls.Config{ServerName: shop, RootCAs: roots}); err != nil {
		t.Error(err)
	}
	check := rig.Run(t, t.TempDir(), s.env.With(rig.Env{"HTTPS_ADDR": "127.0.0.1:0", "HTTP_ADDR": "127.0.0.1:0"}), "check")
	if check.ExitCode != 0 || !strings.Contains(check.Stdout, "no CA certificate came with it") {
		t.Errorf("check = %d and does not say that the leaf is alone:\n%s", check.ExitCode, check.Stdout)
	}
	s.kept(shop + ".pem")
	p.Signal(t, syscall.SIGKILL)
	p.ExitCode(t, patience)
	p = s.start()
	if got := s.served(shop); !got.Equal(leaf) {
		t.Error("after a restart another certificate is served")
	}
	s.line(p, "WARN", "it is served without one")
	s.pebble.Intercept(nil) // the CA sends the chain now
	p.Signal(t, syscall.SIGHUP)
	if got := s.verified(); !got.Equal(leaf) {
		t.Error("the whole certificate is another one")
	}
	s.wantOrders(1)
}

// A certificate that visitors can verify is served until it expires. A renewal that they cannot verify is fetched
// again.
func TestIncompleteRenewalReplacesNoCompleteCertificate(t *testing.T) {
	for _, name := range []string{"the leaf alone", "cut off in the intermediate"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": 70 * time.Second}}, nil)
			p := s.start()
			first := s.verified()
			s.kept(shop + ".pem")
			s.damage(1<<30, damages[name])
			s.line(p, "ERROR", "the old one is still served")
			if got := s.verified(); !got.Equal(first) {
				t.Error("another certificate is served")
			}
			s.wantOrders(2)
			s.pebble.Intercept(nil)
			p.Signal(t, syscall.SIGHUP)
			rig.Eventually(t, patience, "the renewal", func() bool { got, err := s.leaf(shop); return err == nil && !got.Equal(first) })
			s.verified()
			s.wantOrders(2)
		})
	}
}

// A new order is placed only if the CA no longer has the old one.
func TestOrderThatTheCALostIsPlacedAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t, rig.PebbleOptions{}, nil)
	s.damage(1<<30, damages["another site's"])
	p := s.start()
	s.errorLine(p, "belongs to another certificate")
	s.wantOrders(1)
	s.pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !s.pebble.IsCertificate(r) || s.pebble.OrdersAsked() > 1 {
			return false
		}
		rig.Problem(w, http.StatusNotFound, "malformed", "certificate not found")
		return true
	})
	p.Signal(t, syscall.SIGHUP)
	s.errorLine(p, "certificate not found")
	p.Signal(t, syscall.SIGHUP)
	s.verified()
	s.wantOrders(2)
}

// Helpers

// damage changes the certificate the first n times that it is fetched.
func (s *scene) damage(n int, how func(t *testing.T, whole []byte) (string, []byte)) {
	var times atomic.Int64
	s.pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !s.pebble.IsCertificate(r) || times.Add(1) > int64(n) {
			return false
		}
		passed := s.pebble.Pass(r)
		if passed.Code != http.StatusOK {
			passed.WriteTo(w)
			return true
		}
		contentType, body := how(s.t, passed.Body)
		for name, values := range passed.Header {
			w.Header()[name] = values
		}
		w.Header().Del("Content-Length")
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.Write(body)
		return true
	})
}

// verified waits until a client that trusts the CA's root only accepts the certificate.
func (s *scene) verified() *x509.Certificate {
	s.t.Helper()
	roots := s.pebble.Roots(s.t)
	var leaf *x509.Certificate
	rig.Eventually(s.t, 2*patience, "a certificate that visitors can verify", func() bool {
		state, err := rig.Handshake(rig.Loopback(s.https), &tls.Config{ServerName: shop, RootCAs: roots})
		if err == nil {
			leaf = state.PeerCertificates[0]
		}
		return err == nil
	})
	return leaf
}

func (s *scene) line(p *rig.Product, level, words string) {
	s.t.Helper()
	rig.Eventually(s.t, 3*patience, level+" "+words, func() bool {
		return len(p.Logged(func(line map[string]any) bool {
			return line["level"] == level && strings.Contains(fmt.Sprint(line), words)
		})) > 0
	})
}

// goneFrom waits until no file of the store ends with suffix.
func (s *scene) goneFrom(suffix string) {
	s.t.Helper()
	rig.Eventually(s.t, patience, "no file *"+suffix, func() bool {
		left, err := filepath.Glob(filepath.Join(s.cache, "*", "*"+suffix))
		return err == nil && len(left) == 0
	})
}

func firstBlock(chain []byte) []byte {
	block, _ := pem.Decode(chain)
	return pem.EncodeToMemory(block)
}

// withoutLine removes one line of base64 from the last block.
func withoutLine(chain []byte) []byte {
	lines := bytes.SplitAfter(chain, []byte("\n"))
	at := len(lines) - 6
	return bytes.Join(append(append([][]byte{}, lines[:at]...), lines[at+1:]...), nil)
}
