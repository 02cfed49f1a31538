package storm

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// A CA that has to revoke a certificate suggests an earlier renewal first (RFC 9773).
func TestRenewalWindowOfTheCAIsFollowed(t *testing.T) {
	t.Parallel()
	const life = 75 * time.Second
	s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": life}}, nil)
	asked := s.replaces()
	p := s.start()
	first := s.served(shop)
	begin := time.Now()
	s.pebble.SuggestRenewal(t, first, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	p.Signal(t, syscall.SIGHUP) // asks again now, not in six hours
	second := s.served(shop, first)
	if took := time.Since(begin); took > life/2-5*time.Second {
		t.Errorf("renewed after %s, when it was due anyway", took)
	}
	replaces := asked()
	if len(replaces) != 2 || replaces[0] != "" {
		t.Fatalf("orders replaced %q, want nothing and then the first certificate", replaces)
	}
	key, serial, _ := strings.Cut(replaces[1], ".")
	gotKey, _ := base64.RawURLEncoding.DecodeString(key)
	gotSerial, _ := base64.RawURLEncoding.DecodeString(serial)
	if !bytes.Equal(gotKey, first.AuthorityKeyId) || !bytes.Equal(bytes.TrimLeft(gotSerial, "\x00"), first.SerialNumber.Bytes()) {
		t.Errorf("the renewal replaces %q, want the first certificate", replaces[1])
	}
	if second.Equal(first) {
		t.Error("nothing was renewed")
	}
}

// A server with an old copy of the store renews a certificate that another has renewed. The CA refuses to count this as
// a renewal, and takes the order as a new one at once.
func TestSecondRenewalOfACertificateIsANewOrder(t *testing.T) {
	t.Parallel()
	s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": 24 * time.Second}}, nil)
	asked := s.replaces()
	p := s.start()
	first := s.served(shop)
	s.kept(shop + ".pem")
	p.Signal(t, syscall.SIGTERM)
	p.ExitCode(t, patience)
	copied := filepath.Join(t.TempDir(), "acme")
	if err := os.CopyFS(copied, os.DirFS(s.cache)); err != nil {
		t.Fatal(err)
	}
	p = s.start()
	second := s.served(shop, first)
	p.Signal(t, syscall.SIGTERM)
	p.ExitCode(t, patience)

	s.env = s.env.With(rig.Env{"ACME_CACHE": copied})
	p = s.start()
	s.served(shop, first, second)
	replaces := asked()
	if len(replaces) < 4 || replaces[0] != "" || replaces[1] == "" || replaces[2] != replaces[1] || replaces[3] != "" {
		t.Errorf("orders replaced %q, want nothing, the first certificate twice, and nothing", replaces)
	}
	if lines := p.Logged(func(line map[string]any) bool { return line["level"] == "ERROR" }); len(lines) > 0 {
		t.Errorf("it is logged as an error: %v", lines[0])
	}
}

// Helpers

// replaces returns a function for the certificates that the orders since were to renew; empty: a new order.
func (s *scene) replaces() func() []string {
	var mu sync.Mutex
	var replaces []string
	s.pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !s.pebble.IsNewOrder(r) {
			return false
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		var jws struct{ Payload string }
		var order struct{ Replaces string }
		json.Unmarshal(body, &jws)
		payload, _ := base64.RawURLEncoding.DecodeString(jws.Payload)
		json.Unmarshal(payload, &order)
		mu.Lock()
		replaces = append(replaces, order.Replaces)
		mu.Unlock()
		return false
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string{}, replaces...)
	}
}
