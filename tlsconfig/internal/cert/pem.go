package cert

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

// Marshal writes key and chain into one file, in the format of autocert.DirCache. With one file there is no moment at
// which only one of the two is new.
func Marshal(c *tls.Certificate) ([]byte, error) {
	key, ok := c.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("cannot keep a key of type %T", c.PrivateKey)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	for _, c := range c.Certificate {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})...)
	}
	return data, nil
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
