package files

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/localca"
	"example.com/turnkey/tlsconfig/osfile"
)

// pair is one certificate file and one key file.
type pair struct {
	certFile, keyFile string
	cert              *tls.Certificate // being served
	served            [32]byte         // hash of the content that cert came from
	flaw              string           // why clients refuse cert, which is served because there is no better one
	seen              [32]byte         // hash of the content at the last look
	problem           string           // what is wrong with the present content
	warned            time.Time        // when expiry was last warned of
}

// content is what was read of a pair's files.
type content struct {
	pair chain.Pair
	sum  [32]byte // hash of what was read, usable or not
}

// read reads both files. What is wrong with them is among the problems of the pair.
func (p *pair) read() content {
	certPEM, certErr := os.ReadFile(p.certFile)
	keyPEM, keyErr := os.ReadFile(p.keyFile)
	c := content{sum: sha256.Sum256(slices.Concat(certPEM, []byte{0}, keyPEM))}
	switch r := (chain.Reason{About: chain.Files}); {
	case certErr != nil && keyErr != nil: // one mistake, such as a folder that is not mounted
		r.Text = fmt.Sprintf("%v; TLS_KEY_FILE=%q: %v", osfile.Cause(certErr), p.keyFile, osfile.Cause(keyErr))
		c.pair.Problems = []chain.Reason{r}
	case certErr != nil:
		r.Text = osfile.Cause(certErr).Error()
		c.pair.Problems = []chain.Reason{r}
	case keyErr != nil:
		r.Text, r.Key = osfile.Cause(keyErr).Error(), true
		c.pair.Problems = []chain.Reason{r}
	default:
		c.pair = chain.Read(certPEM, keyPEM)
	}
	return c
}

// judge judges what was read, and returns the certificate for crypto/tls. It is nil if no certificate belongs to the
// key.
func (c content) judge(names []string, o Options) (*tls.Certificate, chain.Verdict) {
	v := c.pair.Judge(names, time.Now())
	if o.Development {
		v.Faults = slices.DeleteFunc(v.Faults, func(r chain.Reason) bool { return r.About == chain.Path })
	}
	if c.pair.Key == nil {
		return nil, v
	}
	cert := v.Certificate(c.pair.Key)
	if cert != nil && o.Prod && isDevCert(cert) {
		v.Faults = append(v.Faults, devCertInProd)
	}
	return cert, v
}

// devCertInProd is the fault of a development certificate in production.
var devCertInProd = chain.Reason{
	About: chain.Purpose,
	Text:  "a development certificate cannot serve in production: no visitor's browser trusts it",
	Fix: "point TLS_CERT_FILE and TLS_KEY_FILE at a certificate of a public authority, " +
		"set TLS_MODE=acme to get one, or set ENV=dev",
}

// isDevCert reports whether the development CA made a certificate.
func isDevCert(cert *tls.Certificate) bool {
	return slices.Contains(cert.Leaf.Issuer.Organization, localca.Organization)
}

// explain returns what is wrong in one line. It names the key's file. The caller names the certificate's.
func (p *pair) explain(faults []chain.Reason) string {
	lines := make([]string, len(faults))
	for i, r := range faults {
		lines[i] = r.String()
		if r.Key {
			lines[i] = fmt.Sprintf("TLS_KEY_FILE=%q: %s", p.keyFile, r)
		}
	}
	return strings.Join(lines, "; ")
}

// parsed returns the certificates that a tls.Certificate sends.
func parsed(cert *tls.Certificate) []*x509.Certificate {
	var out []*x509.Certificate
	for _, der := range cert.Certificate {
		if c, err := x509.ParseCertificate(der); err == nil {
			out = append(out, c)
		}
	}
	return out
}
