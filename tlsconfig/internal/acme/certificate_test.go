package acme

import (
	"context"
	"testing"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// The process stops just when a certificate arrives. No later tick can store the certificate.
func TestACertificateIsKeptWhenTheProcessStops(t *testing.T) {
	t.Parallel()
	h := newSource(t, t.TempDir(), nil, "localhost").hosts[0]
	h.served.Certificate, h.unsaved = newCertificate(t, "localhost"), true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.save(ctx)
	if data, err := h.source.options.Store.Get(t.Context(), "localhost.pem"); err != nil {
		t.Error(err)
	} else if _, err := cert.Unmarshal(data, "localhost"); err != nil {
		t.Error(err)
	}
}

// Another process that shares the store already has the certificate that this process is about to order.
func TestRenewalOfAnotherProcessIsUsed(t *testing.T) {
	t.Parallel()
	h := newSource(t, t.TempDir(), nil, "localhost").hosts[0]
	if h.adopt(t.Context()) {
		t.Error("took over what is not there")
	}
	data, err := cert.Marshal(newCertificate(t, "localhost"))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.source.options.Store.Put(t.Context(), "localhost.pem", data); err != nil {
		t.Fatal(err)
	}
	h.record = record{Settings: h.source.options.Settings, Failures: 3, Problem: &cert.Problem{Detail: "an old one"}}
	if err := h.saveRecord(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !h.adopt(t.Context()) || h.certificate().Certificate == nil {
		t.Error("a good certificate in the store was not taken over")
	}
	if h.adopt(t.Context()) {
		t.Error("took over what it has already")
	}
	if err := h.tryLoad(t.Context()); err != nil || h.record.Failures != 0 || h.record.Problem != nil {
		t.Errorf("the record still says %+v (%v)", h.record, err)
	}
}
