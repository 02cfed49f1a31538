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
	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/localca"
	"example.com/turnkey/tlsconfig/osfile"
)

// pair is one certificate file and one key file.
type pair struct {
	certFile, keyFile string
	memory            func() (certPEM, keyPEM []byte) // see Options
	cert              *tls.Certificate                // being served
	path              []*x509.Certificate             // cert's, parsed
	served            [32]byte                        // hash of the content that cert came from
	flaw              string                          // why clients refuse cert, if there is no better one
	seen              [32]byte                        // hash of the content at the last look
	problem           string                          // what is wrong with the present content
	warned            time.Time                       // when expiry was last warned of
}

func (o Options) pair(i int) *pair {
	return &pair{certFile: o.CertFiles[i], keyFile: o.KeyFiles[i], memory: o.Memory}
}

// content is what was read of a pair's files.
type content struct {
	pair chain.Pair
	sum  [32]byte // hash of what was read, usable or not
}

// read reads both files. What is wrong with them is among the problems of the pair.
func (p *pair) read() content {
	var certPEM, keyPEM []byte
	var certErr, keyErr error
	if p.memory != nil {
		certPEM, keyPEM = p.memory()
	} else {
		certPEM, certErr = os.ReadFile(p.certFile)
		keyPEM, keyErr = os.ReadFile(p.keyFile)
	}
	c := content{sum: sha256.Sum256(slices.Concat(certPEM, []byte{0}, keyPEM))}
	problem := ""
	switch {
	case certErr != nil && keyErr != nil: // one mistake, such as a folder that is not mounted
		problem = fmt.Sprintf("%v; TLS_KEY_FILE=%q: %v", osfile.Cause(certErr), p.keyFile, osfile.Cause(keyErr))
	case certErr != nil:
		problem = osfile.Cause(certErr).Error()
	case keyErr != nil:
		problem = osfile.Cause(keyErr).Error()
	default:
		c.pair = chain.Read(certPEM, keyPEM)
		return c
	}
	c.pair.Problems = []chain.Reason{{About: chain.Files, Text: problem, Key: certErr == nil}}
	return c
}

// judge checks what was read, and returns the certificate for crypto/tls. It is nil if no certificate belongs to the
// key.
func (c content) judge(names []string, o Options) (*tls.Certificate, chain.Verdict) {
	v := c.pair.Judge(names, time.Now())
	if o.Development {
		v.Faults = slices.DeleteFunc(v.Faults, func(r chain.Reason) bool { return r.About == chain.Path })
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
	Fix: "point TLS_CERT_FILE and TLS_KEY_FILE at a certificate of a public CA, " +
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

// lookAt serves the pair that was read if it is acceptable, and reports whether what is served changed.
func (s *Source) lookAt(p *pair, c content, now bool) (changed bool) {
	log := s.options.Log.With("file", p.certFile)
	stable := c.sum == p.seen
	p.seen = c.sum
	if c.sum == p.served && len(c.pair.Certs) > 0 {
		if p.problem != p.flaw {
			log.Info("the certificate files have their earlier content again")
		}
		p.problem = p.flaw
		return false
	}
	if !stable && !now {
		return false
	}
	next, v := c.judge(s.needed(p), s.options)
	if next != nil {
		v.Faults = append(v.Faults, p.lost(v)...)
	}
	problem := p.explain(v.Faults)
	if problem != "" && !s.isLesserEvil(p, next, v) {
		if problem != p.problem {
			p.problem = problem
			log.Error("the certificate in the files is not usable; the old one stays", "error", problem,
				"old_not_after", p.cert.Leaf.NotAfter)
		}
		return false
	}
	old := p.cert.Leaf.NotAfter
	p.cert, p.path, p.served, p.warned = next, v.Served, c.sum, time.Time{}
	p.flaw, p.problem = problem, problem
	if problem != "" {
		log.Error("the certificate in the files is not usable; "+
			"it is served because visitors do not accept the old one either",
			"error", problem, "names", cert.Names(next), "not_after", next.Leaf.NotAfter, "old_not_after", old)
		return true
	}
	log.Info("certificate renewed", "names", cert.Names(next), "not_after", next.Leaf.NotAfter)
	s.logNotes(p, v)
	return true
}

// needed returns the names of the site that the pair's certificate is for. A new one must not lose them.
func (s *Source) needed(p *pair) []string {
	if s.options.Development {
		return nil // package localca makes it for the names as they are now
	}
	old := cert.NewSnapshot([]*tls.Certificate{p.cert})
	return slices.DeleteFunc(slices.Clone(s.options.Domains), func(name string) bool { return !old.Covers(name) })
}

// lost returns a fault if a new leaf lacks what made visitors accept the old one. The leaf may be self-signed, like the
// certificates that distributions make for a first start. Or the certificate that signed it is missing, although the
// old pair has that certificate. If the old pair does not have it, a root may have signed the leaf directly.
func (p *pair) lost(v chain.Verdict) []chain.Reason {
	if v.SelfSigned && !p.judged().SelfSigned {
		return []chain.Reason{{About: chain.Path, Text: "it is self-signed, and the one before was signed by a CA",
			Fix: "put the CA's certificate there, or restart to serve this one"}}
	}
	for _, signer := range p.path[1:] {
		if v.Alone && v.Served[0].CheckSignatureFrom(signer) == nil {
			return []chain.Reason{{
				About: chain.Path,
				Text: fmt.Sprintf("the certificate that signed it, %q, is missing, and was there before",
					signer.Subject.CommonName),
				Fix: "put the CA's chain behind your certificate, as in fullchain.pem",
			}}
		}
	}
	return nil
}

// isLesserEvil reports whether to serve a pair in spite of its faults: visitors no longer accept the old one, because
// it or its signer has expired, and the new one ends later and has the same names.
func (s *Source) isLesserEvil(p *pair, next *tls.Certificate, v chain.Verdict) bool {
	return next != nil && next.Leaf.NotAfter.After(p.cert.Leaf.NotAfter) && !(s.options.Prod && isDevCert(next)) &&
		!slices.ContainsFunc(v.Faults, func(r chain.Reason) bool { return r.About == chain.Names }) &&
		!p.judged().OK()
}

// judged checks the certificate that is served, as visitors do now.
func (p *pair) judged() chain.Verdict { return chain.Judge(p.path, nil, nil, time.Now()) }
