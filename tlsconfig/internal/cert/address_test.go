package cert

import (
	"crypto/x509"
	"testing"
)

// Let's Encrypt refuses a request that names an address as a common name.
func TestRequestForAnAddressHasNoCommonName(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"192.0.2.1", "2001:db8::1"} {
		der, err := new(Order).Request(host)
		if err != nil {
			t.Fatal(err)
		}
		r, err := x509.ParseCertificateRequest(der)
		if err != nil || r.Subject.CommonName != "" || len(r.DNSNames) > 0 || len(r.IPAddresses) != 1 ||
			r.IPAddresses[0].String() != host {
			t.Errorf("%s: %v %q %v %v", host, err, r.Subject, r.DNSNames, r.IPAddresses)
		}
	}
}
