package tlsconfig

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"example.com/turnkey/tlsconfig/chain"
)

// candidate is a certificate whose leaf is good, with what is wrong with the path above the leaf.
type candidate struct {
	*tls.Certificate
	lacks  string // why some clients, or all, find no path from the leaf to a root; empty: the certificate is complete
	broken bool   // every client refuses it. A leaf alone is not broken: a root that clients trust may have signed it
}

// judged makes a candidate of a pair, or says why no client could use its leaf.
func judged(p chain.Pair, host string, now time.Time) (candidate, error) {
	v := p.Judge([]string{host}, now)
	if len(v.Served) == 0 {
		return candidate{}, errors.New(texts(v.Faults))
	}
	c := candidate{Certificate: v.Certificate(p.Key)}
	if alone := usable(v.Served[:1], p.Key, []string{host}, now); !alone.OK() {
		return candidate{}, errors.New(texts(alone.Faults))
	}
	switch {
	case !v.OK():
		c.lacks, c.broken = texts(v.Faults), true
	case v.Alone:
		c.lacks = fmt.Sprintf("no CA certificate came with it: clients accept it only where %q is a root that they know",
			c.Leaf.Issuer.CommonName)
	}
	return c, nil
}

// texts are the reasons without the commands that mend files.
func texts(reasons []chain.Reason) string {
	text := ""
	for i, r := range reasons {
		if i > 0 {
			text += "; "
		}
		text += r.Text
	}
	return text
}

// marshalCertificate writes key and chain in one file, as autocert's own DirCache does: whole or not at all.
func marshalCertificate(cert *tls.Certificate) ([]byte, error) {
	key, ok := cert.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("cannot keep a key of type %T", cert.PrivateKey)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	for _, c := range cert.Certificate {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})...)
	}
	return data, nil
}

// readCertificate is its inverse. Every block must be readable, and the leaf must be for host. An expired leaf is accepted,
// because it is better than none, and so is an incomplete path.
func readCertificate(data []byte, host string) (candidate, error) {
	p := chain.Read(data, data)
	if len(p.Problems) > 0 {
		return candidate{}, errors.New(texts(p.Problems))
	}
	now := time.Now()
	if cert := p.Judge(nil, now).Served; len(cert) > 0 {
		if now.After(cert[0].NotAfter) {
			now = cert[0].NotAfter
		}
		if now.Before(cert[0].NotBefore) {
			now = cert[0].NotBefore
		}
	}
	return judged(p, host, now)
}

// current reports whether a certificate's dates are right.
func current(leaf *x509.Certificate, now time.Time) bool {
	return !now.Before(leaf.NotBefore) && !now.After(leaf.NotAfter)
}

// replaces reports whether c is better for visitors than the certificate that is served: more of them can verify it, or as
// many can and it lasts longer.
func (c candidate) replaces(old candidate, now time.Time) bool {
	switch {
	case !current(c.Leaf, now):
		return false
	case old.Certificate == nil || !current(old.Leaf, now):
		return true
	case c.rank() != old.rank():
		return c.rank() > old.rank()
	}
	return c.Leaf.NotAfter.After(old.Leaf.NotAfter)
}

// renews reports whether c, which came from an order, is served in place of old. It may end sooner than old, as with another
// ACME_PROFILE or a CA near its own end, if it was ordered just now or issued later. Otherwise the old certificate would stay
// due, and its renewal would be ordered again and again.
func (c candidate) renews(old candidate, orderedNow bool, now time.Time) bool {
	switch {
	case !current(c.Leaf, now):
		return false
	case c.replaces(old, now):
		return true
	}
	return c.rank() >= old.rank() && (orderedNow || c.Leaf.NotBefore.After(old.Leaf.NotBefore))
}

func (c candidate) rank() int {
	switch {
	case c.broken:
		return 0
	case c.lacks != "":
		return 1
	}
	return 2
}
