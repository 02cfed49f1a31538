package site

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/scripts/doctor/report"
	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/chain/chaintest"
)

// report is what the doctor says of a site that serves a row's certificates as they stand; none where no server could.
func served(t *testing.T, row chaintest.Row) (report.Report, bool) {
	t.Helper()
	a := chaintest.New(t, shop)
	pair := chain.Read(row.Pair(a))
	if row.Unmet || len(pair.Problems) > 0 {
		return report.Report{}, false
	}
	w := newWorld(t)
	w.ca.root = a.Root
	w.chain = func(tls.Certificate) tls.Certificate {
		cert := tls.Certificate{PrivateKey: pair.Key}
		for _, c := range pair.Certs {
			cert.Certificate = append(cert.Certificate, c.Raw)
		}
		return cert
	}
	return w.look(), true
}

func TestTheDoctorFindsEveryBadChainThatIsServed(t *testing.T) {
	t.Parallel()
	for _, row := range chaintest.Bad() {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			r, ok := served(t, row)
			if !ok {
				return // such a pair cannot be served
			}
			var wrong []report.Finding
			for _, c := range r.Checks {
				if c.Group == "certificate" && c.State == Wrong {
					wrong = append(wrong, c)
				}
			}
			if len(wrong) == 0 {
				t.Errorf("nothing is wrong: %+v", r.Checks)
			}
			// What has no line of its own is said in the words of the judgement.
			pair := chain.Read(row.Pair(chaintest.New(t, shop)))
			for _, f := range chain.Judge(pair.Certs, nil, nil, time.Now()).Faults {
				if f.About != chain.Path && f.About != chain.Purpose {
					continue
				}
				if !slices.ContainsFunc(wrong, func(c report.Finding) bool { return strings.Contains(c.Found, row.Says) && c.Fix != "" }) {
					t.Errorf("it says %+v, want %q", wrong, row.Says)
				}
			}
		})
	}
}

func TestDoctorAcceptsEveryGoodChain(t *testing.T) {
	t.Parallel()
	for _, row := range chaintest.Good() {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			pair := chain.Read(row.Pair(chaintest.New(t, shop)))
			if best := pair.Judge(nil, time.Now()).Served[0]; !best.Equal(pair.Certs[0]) {
				return // a file in another order, which Turnkey serves in the right one
			}
			r, _ := served(t, row)
			for _, c := range r.Checks {
				if c.Group == "certificate" && c.State == Wrong && c.Name != "validity" {
					t.Errorf("%+v", c)
				}
			}
		})
	}
}
