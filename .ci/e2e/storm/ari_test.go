package storm

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
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
	p := s.start()
	first := s.served(shop)
	begin := time.Now()
	s.pebble.SuggestRenewal(t, first, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	p.Signal(t, syscall.SIGHUP) // asks again now, not in six hours
	second := s.served(shop, first)
	if took := time.Since(begin); took > life/2-5*time.Second {
		t.Errorf("renewed after %s, when it was due anyway", took)
	}
	mu.Lock()
	defer mu.Unlock()
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
