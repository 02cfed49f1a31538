package storm

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// Let's Encrypt's certificates live 90 days until February 2027, then 64, from 2028 on 45, and 160 hours for addresses. A
// third of the life is left at a renewal, and half of a short life. The CA may suggest a day before. A server that finds
// certificates of such an age renews those that are due, and no others.
func TestRenewalIsPlannedByTheLifeThatTheCAGave(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, test := range []struct {
		host, profile string
		life, left    time.Duration
	}{
		{shop, "classic", 90 * day, 30 * day},
		{shop, "classic", 64 * day, 64 * day / 3},
		{shop, "tlsserver", 45 * day, 15 * day},
		{shop, "shortlived", 160 * time.Hour, 80 * time.Hour},
		{"127.0.0.1", "shortlived", 160 * time.Hour, 80 * time.Hour},
	} {
		t.Run(fmt.Sprint(test.host, " ", test.life), func(t *testing.T) {
			t.Parallel()
			admin := rig.Port(t)
			s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{test.profile: test.life}},
				rig.Env{"DOMAINS": test.host, "ADMIN_ADDR": rig.Loopback(admin)})
			p := s.start()
			leaf := s.served(test.host)
			if life := leaf.NotAfter.Sub(leaf.NotBefore).Round(time.Minute); life != test.life {
				t.Fatalf("the CA gave %s, want %s", life, test.life)
			}
			at := regexp.MustCompile(`certificate_renewal_timestamp_seconds\{host="[^"]+"\} (\S+)`)
			var planned time.Time
			rig.Eventually(t, patience, "the plan of the renewal", func() bool {
				m := at.FindStringSubmatch(rig.Get(t, http.DefaultClient, fmt.Sprintf("http://%s/metrics", rig.Loopback(admin))).Body)
				seconds, err := strconv.ParseFloat(append(m, "", "")[1], 64)
				planned = time.Unix(int64(seconds), 0)
				return err == nil && seconds > 0
			})
			if early := leaf.NotAfter.Add(-test.left).Sub(planned); early < 0 || early > 26*time.Hour {
				t.Errorf("it is renewed at %s, %s before %s of its life are left", planned, early, test.left)
			}

			// Servers ask for a renewal up to a tenth of the time earlier, so that not all come at once.
			p.Signal(t, syscall.SIGTERM)
			p.ExitCode(t, patience)
			young := s.age(test.host, test.life, test.left*9/8)
			p = s.start()
			if got := s.served(test.host); !got.Equal(young) {
				t.Error("another certificate is served than the stored one")
			}
			time.Sleep(2 * time.Second)
			s.wantOrders(1)
			p.Signal(t, syscall.SIGTERM)
			p.ExitCode(t, patience)
			old := s.age(test.host, test.life, test.left*9/10)
			s.start()
			renewed := s.served(test.host, old)
			if life := renewed.NotAfter.Sub(renewed.NotBefore).Round(time.Minute); life != test.life {
				t.Errorf("the renewal lives %s, want %s", life, test.life)
			}
			s.wantOrders(2)
		})
	}
}

// Helpers

// age puts a certificate with so much left of its life into the store, as if it had been issued long ago.
func (s *scene) age(host string, life, left time.Duration) *x509.Certificate {
	s.t.Helper()
	end := time.Now().Add(left)
	pair := rig.NewCA(s.t, "Long ago").Issue(s.t, rig.Leaf{Names: []string{host}, NotBefore: end.Add(-life), NotAfter: end})
	file := s.kept(".pem")
	rig.Write(s.t, file, slices.Concat(pair.Key, pair.Chain), 0o600)
	if err := os.Remove(strings.TrimSuffix(file, ".pem") + ".json"); err != nil { // when the last one was obtained
		s.t.Fatal(err)
	}
	return pair.Leaf
}
