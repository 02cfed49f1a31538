package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/chain"
)

// Candidate is a certificate with a usable leaf, and the faults of the path from the leaf to a root.
type Candidate struct {
	*tls.Certificate

	// Lacks says why some clients, or all, find no path from the leaf to a root. It is empty for a complete
	// certificate.
	Lacks string

	// Broken means that every client refuses the certificate. A leaf that came alone is not broken, because a root that
	// clients trust may have signed it directly.
	Broken bool
}

// Judge makes a Candidate of a pair. The error says why no client could use the leaf.
func Judge(p chain.Pair, host string, now time.Time) (Candidate, error) {
	v := p.Judge([]string{host}, now)
	if len(v.Served) == 0 {
		return Candidate{}, errors.New(texts(v.Faults))
	}
	c := Candidate{Certificate: v.Certificate(p.Key)}
	if alone := chain.Judge(v.Served[:1], p.Key, []string{host}, now); !alone.OK() {
		return Candidate{}, errors.New(texts(alone.Faults))
	}
	switch {
	case !v.OK():
		c.Lacks, c.Broken = texts(v.Faults), true
	case v.Alone:
		c.Lacks = fmt.Sprintf("no CA certificate came with it: "+
			"clients accept it only where %q is a root that they know", c.Leaf.Issuer.CommonName)
	}
	return c, nil
}

// texts joins the reasons. It leaves out their fixes, which are commands for files.
func texts(reasons []chain.Reason) string {
	out := make([]string, len(reasons))
	for i, r := range reasons {
		out[i] = r.Text
	}
	return strings.Join(out, "; ")
}

// Current reports whether a certificate's dates include now.
func Current(leaf *x509.Certificate, now time.Time) bool {
	return !now.Before(leaf.NotBefore) && !now.After(leaf.NotAfter)
}

// Replaces reports whether c is better for visitors than the certificate that is served: more of them can verify it,
// or as many can and it lasts longer.
func (c Candidate) Replaces(old Candidate, now time.Time) bool {
	return c.better(old, now, func(leaf *x509.Certificate) time.Time { return leaf.NotAfter })
}

// Newer reports whether c is served in place of old, where both came from the same CA: visitors can verify it better, or
// as well and it was issued later. It may end sooner, as with another ACME_PROFILE.
func (c Candidate) Newer(old Candidate, now time.Time) bool {
	return c.better(old, now, func(leaf *x509.Certificate) time.Time { return leaf.NotBefore })
}

// better compares a time of both leaves, if visitors can verify them equally well.
func (c Candidate) better(old Candidate, now time.Time, of func(leaf *x509.Certificate) time.Time) bool {
	switch {
	case c.Certificate == nil || !Current(c.Leaf, now):
		return false
	case old.Certificate == nil || !Current(old.Leaf, now):
		return true
	case c.rank() != old.rank():
		return c.rank() > old.rank()
	}
	return of(c.Leaf).After(of(old.Leaf))
}

// Renews reports whether c, which came from an order, is served in place of old. It may end sooner than old, as with
// another ACME_PROFILE or a CA near its own end, if it was ordered just now or issued later. Otherwise the old
// certificate would stay due, and its renewal would be ordered again and again.
func (c Candidate) Renews(old Candidate, orderedNow bool, now time.Time) bool {
	return c.Replaces(old, now) || Current(c.Leaf, now) && c.rank() >= old.rank() &&
		(orderedNow || c.Leaf.NotBefore.After(old.Leaf.NotBefore))
}

func (c Candidate) rank() int {
	switch {
	case c.Broken:
		return 0
	case c.Lacks != "":
		return 1
	}
	return 2
}

// Marshal writes key and chain into one file, in the format of autocert.DirCache. With one file there is no moment at
// which only one of the two is new.
func Marshal(c *tls.Certificate) ([]byte, error) {
	key, ok := c.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("cannot keep a key of type %T", c.PrivateKey)
	}
	data := KeyPEM(key)
	for _, c := range c.Certificate {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})...)
	}
	return data, nil
}

// NewKey makes a key, on P-256.
func NewKey() *ecdsa.PrivateKey {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // never fails since Go 1.24
	return key
}

// KeyPEM writes a key that is on P-256.
func KeyPEM(key *ecdsa.PrivateKey) []byte {
	der, _ := x509.MarshalECPrivateKey(key) // fails for other curves alone
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// Unmarshal is the inverse of Marshal. Every block must be readable, and the leaf must be for host. An expired leaf
// and an incomplete path are accepted, because such a certificate is better than none.
func Unmarshal(data []byte, host string) (Candidate, error) {
	p := chain.Read(data, data)
	if len(p.Problems) > 0 {
		return Candidate{}, errors.New(texts(p.Problems))
	}
	now := time.Now()
	if served := p.Judge(nil, now).Served; len(served) > 0 { // judge the rest at a time when the leaf is current
		if now.After(served[0].NotAfter) {
			now = served[0].NotAfter
		}
		if now.Before(served[0].NotBefore) {
			now = served[0].NotBefore
		}
	}
	return Judge(p, host, now)
}
