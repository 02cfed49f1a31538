package cert

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"
)

// An order expires when its CA says so, at the latest after longestOrder. Without a time in the future it expires after
// orderLife. Its request uses the key that was kept.
func TestAnOrderUnderWay(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, test := range []struct {
		says time.Time
		want time.Duration
	}{{time.Time{}, orderLife}, {now.Add(-time.Hour), orderLife}, {now.Add(time.Hour), time.Hour},
		{now.AddDate(10, 0, 0), longestOrder}} {
		if o := NewOrder("u", "f", test.says, now); o.Expires.Sub(now) != test.want {
			t.Errorf("expires after %s, want %s", o.Expires.Sub(now), test.want)
		}
	}
	o := NewOrder("u", "f", time.Time{}, now)
	if o.Open(now) {
		t.Error("waits for a certificate before there is a key")
	}
	for _, host := range []string{"shop.example.test", strings.Repeat("long.", 20) + "example.test"} {
		der, err := o.Request(host)
		if err != nil {
			t.Fatal(err)
		}
		csr, err := x509.ParseCertificateRequest(der)
		if err != nil || csr.CheckSignature() != nil || len(csr.DNSNames) != 1 || csr.DNSNames[0] != host ||
			len(csr.Subject.CommonName) > 64 {
			t.Errorf("request = %+v %v", csr, err)
		}
		key, err := o.PrivateKey()
		if err != nil || !key.PublicKey.Equal(csr.PublicKey) {
			t.Error("the request is for another key")
		}
	}
	if !o.Open(now) || o.Open(now.Add(8*24*time.Hour)) {
		t.Error("does not wait for its life, or longer")
	}
}

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
