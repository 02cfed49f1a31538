package files

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/internal/cert"
)

// lookAt serves the pair that was read if it is acceptable, and reports whether what is served changed.
func (s *Source) lookAt(p *pair, c content, now bool) (changed bool) {
	log := s.options.Log.With("file", p.certFile)
	stable := c.sum == p.seen
	p.seen = c.sum
	if c.sum == p.served && len(c.pair.Certs) > 0 {
		if p.problem != p.flaw {
			log.Info("certificate files are as before")
		}
		p.problem = p.flaw
		return false
	}
	if !stable && !now {
		return false
	}
	next, v := c.judge(s.needed(p), s.options)
	if next != nil {
		v.Faults = append(v.Faults, lost(p.cert, v)...)
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
	p.cert, p.served, p.flaw, p.problem, p.warned = next, c.sum, problem, problem, time.Time{}
	if problem != "" {
		log.Error("the certificate in the files is not usable; "+
			"it is served, as visitors do not accept the old one either",
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

// lost returns a fault if a leaf came without what made visitors accept the old one. It may be signed by itself, like
// the certificates that distributions make for a first start. Or the certificate that signed it is missing, and the old
// pair has that one: it was left out by mistake. If the old pair does not have it, a root may have signed the leaf
// directly.
func lost(old *tls.Certificate, v chain.Verdict) []chain.Reason {
	if v.SelfSigned && !judged(old).SelfSigned {
		return []chain.Reason{{About: chain.Path, Text: "it is signed by itself, and the one before was signed by a CA",
			Fix: "put the CA's certificate there, or restart to serve this one"}}
	}
	if !v.Alone {
		return nil
	}
	for _, der := range old.Certificate[1:] {
		signer, err := x509.ParseCertificate(der)
		if err == nil && v.Served[0].CheckSignatureFrom(signer) == nil {
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

// isLesserEvil reports whether to serve a pair in spite of its faults: visitors no longer accept the old one, by its
// dates or its signer's, and the new one ends later and is for the same names.
func (s *Source) isLesserEvil(p *pair, next *tls.Certificate, v chain.Verdict) bool {
	if next == nil || !next.Leaf.NotAfter.After(p.cert.Leaf.NotAfter) || s.options.Prod && isDevCert(next) {
		return false
	}
	if slices.ContainsFunc(v.Faults, func(r chain.Reason) bool { return r.About == chain.Names }) {
		return false
	}
	return !judged(p.cert).OK()
}

// judged judges a certificate that is served, as visitors do now.
func judged(served *tls.Certificate) chain.Verdict {
	return chain.Judge(parsed(served), nil, nil, time.Now())
}
