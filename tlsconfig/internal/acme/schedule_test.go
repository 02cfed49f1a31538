package acme

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"
)

func lived(life time.Duration) *tls.Certificate {
	now := time.Now()
	return &tls.Certificate{Leaf: &x509.Certificate{NotBefore: now, NotAfter: now.Add(life)}}
}

func TestRenewalTime(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	// A random part of up to a tenth of the time left, or an hour, makes the renewal earlier.
	for life, want := range map[time.Duration]time.Duration{ // the least time left at renewal
		90 * day: 30 * day, 45 * day: 15 * day, 160 * time.Hour: 80 * time.Hour, 2 * time.Minute: time.Minute, 10 * day: 10 * day / 3,
	} {
		for range 100 {
			cert := lived(life)
			left := cert.Leaf.NotAfter.Sub(renewalTime(cert, time.Time{}))
			if slack := left - want; slack < 0 || slack > min(want/10, time.Hour)+time.Second {
				t.Fatalf("a certificate of %s is renewed with %s left, want %s and a little more", life, left, want)
			}
		}
	}
	// A certificate whose renewal is due at once must not cause a loop of orders.
	old := lived(time.Hour)
	old.Leaf.NotBefore = time.Now().Add(-1000 * time.Hour)
	if wait := time.Until(renewalTime(old, time.Now())); wait < 19*time.Minute {
		t.Errorf("a certificate born old is renewed after %s", wait)
	}
}
