package tlsconfig

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/localca"
)

// pair is one certificate file and one key file.
type pair struct {
	certFile, keyFile string
	cert              *tls.Certificate // being served
	served            [32]byte         // content of the two files that cert came from
	seen              [32]byte         // content at the last look
	problem           string           // why the files' present content is not served
	warned            time.Time
}

// read loads the pair and checks that it is whole: certificate and key belong together and no block is cut off.
// The sum stands for what was read, also when it was not usable.
func (p *pair) read() (cert *tls.Certificate, sum [32]byte, err error) {
	certPEM, certErr := os.ReadFile(p.certFile)
	keyPEM, keyErr := os.ReadFile(p.keyFile)
	sum = sha256.Sum256(slices.Concat(certPEM, []byte{0}, keyPEM))
	switch {
	case certErr != nil:
		return nil, sum, plainError(certErr)
	case keyErr != nil:
		return nil, sum, fmt.Errorf("key %s: %w", p.keyFile, plainError(keyErr))
	}
	if err := wholePEM(certPEM); err != nil {
		return nil, sum, err
	}
	loaded, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, sum, readable(err, p.keyFile)
	}
	return &loaded, sum, nil
}

// wholePEM finds what pem.Decode skips in silence: a last block that is only half there.
func wholePEM(data []byte) error {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			if bytes.Contains(rest, []byte("-----BEGIN")) {
				return errors.New("its last PEM block is cut off")
			}
			return nil
		}
		data = rest
	}
}

// readable says in an operator's words what crypto/tls says in a programmer's.
func readable(err error, keyFile string) error {
	switch msg := err.Error(); {
	case strings.Contains(msg, "private key does not match"):
		return fmt.Errorf("the key in %s belongs to another certificate", keyFile)
	case strings.Contains(msg, "failed to find any PEM data in certificate"), strings.Contains(msg, "failed to find certificate PEM"):
		return errors.New("holds no PEM certificate")
	case strings.Contains(msg, "key input"):
		return fmt.Errorf("%s holds no PEM private key", keyFile)
	}
	return err
}

// fresh refuses what no browser would accept, by its dates or because it names nobody.
func fresh(cert *tls.Certificate, now time.Time) error {
	switch leaf := cert.Leaf; {
	case len(leaf.DNSNames)+len(leaf.IPAddresses) == 0:
		return errors.New("it names no host (subject alternative names), so no browser accepts it")
	case now.After(leaf.NotAfter):
		return fmt.Errorf("it expired on %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("it is valid only from %s; is the clock right?", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

var errDeveloped = errors.New("a development certificate cannot serve in production: no visitor's browser trusts it")

// developed says whether the development CA made a certificate.
func developed(cert *tls.Certificate) bool {
	return slices.Contains(cert.Leaf.Issuer.Organization, localca.Organization)
}
