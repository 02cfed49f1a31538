package site

import (
	"crypto/x509"
	"time"

	"example.com/turnkey/tlsconfig/chain"
)

// judged adds a line for each fault of purpose or path that clients find with any set of roots. Dates, names and key
// have lines of their own. It reports whether the path has no fault.
func judged(s *section, served []*x509.Certificate, now time.Time) (good bool) {
	good = true
	for _, fault := range chain.Judge(served, nil, nil, now).Faults {
		fix := fault.Fix
		switch fault.About {
		case chain.Purpose:
			if fix == "" {
				fix = "get one that is made for web servers"
			}
			s.wrong("purpose", fault.Text, fix)
		case chain.Path:
			good = false
			s.wrong("chain", fault.Text, fix)
		}
	}
	return good
}
