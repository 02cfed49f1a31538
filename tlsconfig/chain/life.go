package chain

import (
	"crypto/x509"
	"time"
)

// longestLate is how long before its end a certificate is overdue at most: one of a year is renewed by people, in its
// last month.
const longestLate = 21 * 24 * time.Hour

// Margin returns how much of a certificate's life is left when it is due for renewal: a third, or half of a life under
// ten days. That is Let's Encrypt's advice, which certbot and this server follow.
func Margin(leaf *x509.Certificate) time.Duration {
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	if life < 10*24*time.Hour {
		return life / 2
	}
	return life / 3
}

// Overdue reports whether a certificate should have been renewed by now: half of the time for that is gone, and what
// renews it has tried again and again. A certificate that has expired is overdue too.
func Overdue(leaf *x509.Certificate, now time.Time) bool {
	return leaf.NotAfter.Sub(now) < min(Margin(leaf)/2, longestLate)
}
