package localca

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"example.com/turnkey/tlsconfig/chain"
)

// finding is what inspect found.
type finding struct {
	leaf  *x509.Certificate // nil when it cannot be read
	why   string            // why the pair cannot be used; empty if it can
	aside []string          // unusable files
}

// setAside renames the unusable files to *.bad.
func (f finding) setAside() error {
	for _, file := range f.aside {
		if err := os.Rename(file, file+".bad"); err != nil {
			return err
		}
	}
	return nil
}

// inspect looks at the pair in the request's files. It changes nothing.
func (p *preparation) inspect() (finding, error) {
	certData, certErr := os.ReadFile(p.CertFile)
	keyData, keyErr := os.ReadFile(p.KeyFile)
	if errors.Is(certErr, os.ErrNotExist) && errors.Is(keyErr, os.ErrNotExist) {
		return finding{why: "there was none"}, nil
	}
	for _, err := range []error{certErr, keyErr} {
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return finding{}, fmt.Errorf("reading the development certificate: %w", err)
		}
	}
	if certErr == nil && Foreign(certData) {
		return finding{}, fmt.Errorf("%s: %w", p.CertFile, ErrForeign)
	}
	if certErr != nil {
		return finding{why: "half of it was missing", aside: []string{p.KeyFile}}, nil
	}
	if keyErr != nil {
		return finding{why: "half of it was missing", aside: []string{p.CertFile}}, nil
	}
	pair := chain.Read(certData, keyData)
	verdict := pair.Judge(nil, time.Now())
	if len(pair.Problems) > 0 || len(verdict.Served) == 0 {
		return finding{why: "it was corrupt or mismatched (kept as *.bad)", aside: []string{p.CertFile, p.KeyFile}}, nil
	}
	leaf := verdict.Served[0]
	switch {
	case !p.ca.Issued(leaf):
		return finding{leaf: leaf, why: "the development CA is another one now"}, nil
	case time.Until(leaf.NotAfter) < renewBefore:
		return finding{leaf: leaf, why: fmt.Sprintf("it expires on %s", leaf.NotAfter.Format(time.DateOnly))}, nil
	case time.Now().Before(leaf.NotBefore):
		return finding{leaf: leaf, why: "it is from the future"}, nil
	case !slices.Equal(sorted(p.names), sorted(certNames(leaf))):
		return finding{leaf: leaf, why: "the names changed"}, nil
	case verdict.Alone:
		return finding{leaf: leaf, why: "the certificate that signed it was missing"}, nil
	}
	return finding{leaf: leaf}, nil
}

// Foreign reports whether the leaf in a PEM file is of another CA. It is false for a leaf that cannot be parsed.
func Foreign(data []byte) bool {
	cert, err := parseLeaf(data)
	return err == nil && !slices.Contains(cert.Issuer.Organization, Organization)
}

// parseLeaf reads the first certificate of a PEM file.
func parseLeaf(data []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errors.New("no certificate")
}
