package tlsconfig

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/localca"
)

// pair is one certificate file and one key file.
type pair struct {
	certFile, keyFile string
	cert              *tls.Certificate // being served
	served            [32]byte         // content of the two files that cert came from
	flaw              string           // why visitors do not accept cert, which is served because there is no better one
	seen              [32]byte         // content at the last look
	problem           string           // what is wrong with the files' present content
	warned            time.Time
}

// content is what was read of a pair's files.
type content struct {
	pair chain.Pair
	sum  [32]byte // of what was read, also when it was not usable
}

// read reads both files. What is wrong with them is among the problems of the pair.
func (p *pair) read() content {
	certPEM, certErr := os.ReadFile(p.certFile)
	keyPEM, keyErr := os.ReadFile(p.keyFile)
	c := content{sum: sha256.Sum256(slices.Concat(certPEM, []byte{0}, keyPEM))}
	switch r := (chain.Reason{About: chain.Files}); {
	case certErr != nil && keyErr != nil: // one mistake, such as a folder that is not mounted
		r.Text = fmt.Sprintf("%v; TLS_KEY_FILE=%q: %v", plainError(certErr), p.keyFile, plainError(keyErr))
		c.pair.Problems = []chain.Reason{r}
	case certErr != nil:
		r.Text = plainError(certErr).Error()
		c.pair.Problems = []chain.Reason{r}
	case keyErr != nil:
		r.Text, r.Key = plainError(keyErr).Error(), true
		c.pair.Problems = []chain.Reason{r}
	default:
		c.pair = chain.Read(certPEM, keyPEM)
	}
	return c
}

// judge judges what was read, and returns the certificate for crypto/tls. It is nil if no certificate belongs to the key. In
// production a development certificate is a fault too. In development the path is not judged: localca makes it, and knows
// when the clock is wrong.
func (c content) judge(names []string, o Options) (*tls.Certificate, verdict) {
	v := c.pair.Judge(names, time.Now())
	if o.Mode == Local {
		v.Faults = slices.DeleteFunc(v.Faults, func(r chain.Reason) bool { return r.About == chain.Path })
	}
	if c.pair.Key == nil {
		return nil, v
	}
	cert := v.Certificate(c.pair.Key)
	if cert != nil && o.Prod && developed(cert) {
		v.Faults = append(v.Faults, chain.Reason{Text: errDeveloped.Error(), About: chain.Purpose})
	}
	return cert, v
}

// explain is what is wrong, in one line. It names the key's file. The caller names the certificate's.
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

var errDeveloped = errors.New("a development certificate cannot serve in production: no visitor's browser trusts it")

// developed says whether the development CA made a certificate.
func developed(cert *tls.Certificate) bool {
	return slices.Contains(cert.Leaf.Issuer.Organization, localca.Organization)
}
