package chain_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/chain/chaintest"
)

func says(reasons []chain.Reason, words string) bool {
	for _, r := range reasons {
		if strings.Contains(r.String(), words) {
			return true
		}
	}
	return false
}

func TestEveryBadPairIsAFaultThatNamesItsReason(t *testing.T) {
	t.Parallel()
	a := chaintest.New(t, "a.test", "192.0.2.1")
	for _, row := range chaintest.Bad() {
		t.Run(row.Name, func(t *testing.T) {
			pair := chain.Read(row.Pair(a))
			v := pair.Judge([]string{"a.test"}, time.Now())
			if !says(v.Faults, row.Says) {
				t.Errorf("the faults are %q, want %q", v.Faults, row.Says)
			}
			if row.Unmet != (v.Certificate(pair.Key) == nil) {
				t.Errorf("to be served: %v, want %v", v.Certificate(pair.Key) != nil, !row.Unmet)
			}
			for _, f := range v.Faults {
				if strings.Contains(f.String(), row.Says) && f.Key != row.OfKey {
					t.Errorf("the key's file is at fault: %v, want %v", f.Key, row.OfKey)
				}
			}
			for _, mark := range []string{"none of the CA", "no CA certificate came"} {
				if len(pair.Problems) > 0 && (says(v.Faults, mark) || says(v.Notes, mark)) {
					t.Errorf("a certificate that cannot be read is also called missing: %q %q", v.Faults, v.Notes)
				}
			}
		})
	}
}

func TestClientsVerifyEveryGoodPair(t *testing.T) {
	t.Parallel()
	a := chaintest.New(t, "a.test", "192.0.2.1")
	for _, row := range chaintest.Good() {
		t.Run(row.Name, func(t *testing.T) {
			pair := chain.Read(row.Pair(a))
			v := pair.Judge([]string{"a.test", "192.0.2.1"}, time.Now())
			if !v.OK() || v.Alone || len(pair.Problems) > 0 {
				t.Fatalf("the faults are %q", v.Faults)
			}
			if row.Says == "" && len(v.Notes) > 0 || row.Says != "" && !says(v.Notes, row.Says) {
				t.Errorf("the notes are %q, want %q", v.Notes, row.Says)
			}
			between := x509.NewCertPool()
			for _, c := range v.Served[1:] {
				between.AddCert(c)
			}
			if _, err := v.Served[0].Verify(x509.VerifyOptions{DNSName: "a.test", Roots: a.Roots(),
				Intermediates: between}); err != nil {
				t.Errorf("a visitor: %v", err)
			}
			// Old clients want each certificate to be signed by the next.
			if err := v.Served[0].CheckSignatureFrom(v.Served[1]); err != nil {
				t.Errorf("the second certificate that is served did not sign the first: %v", err)
			}
		})
	}
}

func TestALoneLeafIsANote(t *testing.T) {
	t.Parallel()
	pair := chain.Read(chaintest.Alone().Pair(chaintest.New(t, "a.test")))
	v := pair.Judge(nil, time.Now())
	if !v.OK() || !v.Alone || !says(v.Notes, chaintest.Alone().Says) {
		t.Errorf("got %+v", v)
	}
}

func TestRequestedNamesAreChecked(t *testing.T) {
	t.Parallel()
	a := chaintest.New(t, "a.test", "*.b.test", "192.0.2.1")
	pair := chain.Read(a.Good())
	for name, want := range map[string]bool{
		"a.test": true, "A.test": true, "x.b.test": true, "*.b.test": true, "192.0.2.1": true,
		"b.test": false, "x.y.b.test": false, "*.a.test": false, "192.0.2.2": false, "": false,
	} {
		if v := pair.Judge([]string{name}, time.Now()); v.OK() != want {
			t.Errorf("%q: %v, want %v", name, v.Faults, want)
		}
	}
}

func TestAllReasonsAreReported(t *testing.T) {
	t.Parallel()
	a := chaintest.New(t, "a.test")
	row := chaintest.Row{Chain: chaintest.Bad()[0].Chain} // expired
	certPEM, _ := row.Pair(a)
	_, otherKey := a.Good()
	v := chain.Read(append(certPEM, "-----BEGIN CERTIFICATE-----\n"...), otherKey).Judge([]string{"b.test"}, time.Now())
	for _, want := range []string{"block 3 cannot be read", "belongs to another certificate", "expired on",
		"not for b.test"} {
		if !strings.Contains(v.Err().Error(), want) {
			t.Errorf("no %q in %v", want, v.Err())
		}
	}
}
