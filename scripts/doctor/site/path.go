package site

import (
	"crypto/x509"
	"time"

	"example.com/turnkey/tlsconfig/chain"
)

// judged adds a line for each fault that every client sees in what is served, whatever its roots. Dates, names and key
// have lines of their own. It reports whether the path upwards holds.
func judged(s *section, served []*x509.Certificate, now time.Time) (holds bool) {
	holds = true
	for _, fault := range chain.Judge(served, nil, nil, now).Faults {
		fix := fault.Fix
		switch fault.About {
		case chain.Purpose:
			if fix == "" {
				fix = "get one that is made for web servers"
			}
			s.wrong("purpose", fault.Text, fix)
		case chain.Path:
			holds = false
			s.wrong("chain", fault.Text, fix)
		}
	}
	return holds
}
