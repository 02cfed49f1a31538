package acme

import (
	"crypto/tls"
	"math/rand/v2"
	"time"
)

// firstBackoff is the wait after the first failure, and the shortest of all.
const firstBackoff = time.Minute

// backoff returns the wait after one more failure than failures: what Let's Encrypt asks of clients
// (letsencrypt.org/docs/integration-guide, "Retrying failures").
func backoff(failures int) time.Duration {
	switch failures {
	case 0:
		return firstBackoff
	case 1:
		return 10 * time.Minute
	case 2:
		return 100 * time.Minute
	}
	return 24 * time.Hour
}

// renewalTime returns when a certificate is due: with a third of its life left, or half if its life is under ten days
// (Let's Encrypt's advice), and up to a tenth of that earlier so that hosts do not come all at once. It is never sooner
// than after a third of what was left when the certificate was obtained, because one that is due at once would be
// renewed in a loop.
func renewalTime(c *tls.Certificate, obtained time.Time) time.Time {
	leaf := c.Leaf
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
