package tlsconfig

import (
	"crypto/tls"
	"math/rand/v2"
	"time"
)

// ladder is the wait after each failure in a row, the last rung for ever: what Let's Encrypt asks clients for
// (letsencrypt.org/docs/integration-guide, "Retrying failures").
var ladder = []time.Duration{time.Minute, 10 * time.Minute, 100 * time.Minute, 24 * time.Hour}

func rung(failures int) time.Duration { return ladder[min(failures, len(ladder)-1)] }

// renewalTime is when a certificate is due: with a third of its life left, or half where that is under ten days
// (Let's Encrypt's advice), up to a tenth of that earlier so that hosts do not come all at once. It is never sooner
// than a third of what was left when the certificate was obtained: one that is always due must not be a loop.
func renewalTime(cert *tls.Certificate, obtained time.Time) time.Time {
	leaf := cert.Leaf
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	left := life / 3
	if life < 10*24*time.Hour {
		left = life / 2
	}
	left += rand.N(min(left/10, time.Hour) + 1)
	at := leaf.NotAfter.Add(-left)
	if floor := obtained.Add(leaf.NotAfter.Sub(obtained) / 3); !obtained.IsZero() && at.Before(floor) {
		at = floor
	}
	return at
}
