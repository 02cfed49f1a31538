package storm

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// Let's Encrypt's certificates live 90 days until February 2027, then 64, from 2028 on 45, and 160 hours for addresses. A
// third of the life is left at a renewal, and half of a short life. The CA may suggest a day before.
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
			s.start()
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
		})
	}
}
