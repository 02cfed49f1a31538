package acme

import (
	"context"
	"fmt"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
)

func (h *host) certificateFile() string { return h.name + ".pem" }

// loadCertificate serves the certificate in the store. While load waits, another process may put a newer one there.
func (h *host) loadCertificate(ctx context.Context) error {
	slot, file := h.source.options.Store, h.certificateFile()
	data, err := slot.Get(ctx, file)
	if store.IsMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := cert.Unmarshal(data, h.name)
	if err != nil {
		if err := slot.SetAside(ctx, file); err != nil {
			return fmt.Errorf("setting the unusable certificate aside: %w", err)
		}
		h.log.Error("the certificate in ACME_CACHE is unusable; kept as *.bad, a new one is ordered",
			"file", file, "error", err)
		return nil
	}
	if old := h.certificate(); old.Certificate != nil && !c.Replaces(old, time.Now()) {
		return nil // an earlier try of load has read it
	}
	h.serve(c, time.Time{})
	h.log.Info("certificate read", "issuer", c.Leaf.Issuer.CommonName, "not_after", c.Leaf.NotAfter)
	h.logLacking(c)
	return nil
}

// logLacking warns of a certificate that is served though clients may not accept it.
func (h *host) logLacking(c cert.Candidate) {
	switch {
	case c.Broken:
		h.log.Error("the certificate is served, as there is no better one, though clients refuse what came with it",
			"error", c.Lacks, "not_after", c.Leaf.NotAfter)
	case c.Lacks != "":
		h.log.Warn("the certificate is served alone, as the CA sent nothing with it",
			"warning", c.Lacks, "not_after", c.Leaf.NotAfter)
	}
}

// adopt takes over a certificate that another process has put in the shared store, or an order that it left there. It
// reports whether a certificate was taken over.
func (h *host) adopt(ctx context.Context) bool {
	data, err := h.source.options.Store.Get(ctx, h.certificateFile())
	if err != nil && !store.IsMissing(err) {
		return false
	}
	c, err := cert.Unmarshal(data, h.name)
	if err != nil || !c.Replaces(h.certificate(), time.Now()) {
		if err := h.loadOrder(ctx); err != nil {
			h.log.Debug("the order of another process cannot be read from ACME_CACHE", "error", err)
		}
		return false
	}
	h.mu.Lock()
	h.unsaved = false
	h.record = record{Settings: h.source.options.Settings, Obtained: time.Now()}
	if c.Lacks == "" {
		h.order = nil // the other process removes it from the store
	}
	h.mu.Unlock()
	h.serve(c, time.Now())
	h.log.Info("certificate taken over from ACME_CACHE, where another process put it", "not_after", c.Leaf.NotAfter)
	h.logLacking(c)
	if err := h.saveRecord(ctx); err != nil {
		h.log.Warn("the record of the certificate that was taken over cannot be kept in ACME_CACHE", "error", err)
	}
	return true
}

// save stores the certificate, or leaves that for the next tick. In memory it is safe while the process lives. It goes
// on when ctx is done, because the process may be stopping.
func (h *host) save(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	data, err := cert.Marshal(h.certificate().Certificate)
	if err == nil {
		err = h.source.options.Store.Put(ctx, h.certificateFile(), data)
	}
	if err == nil {
		err = h.saveRecord(ctx)
	}
	h.mu.Lock()
	failedBefore := h.unsavedLogged
	h.unsavedLogged = err != nil
	h.mu.Unlock()
	if err != nil {
		h.setTrouble(fmt.Sprintf("the certificate is served but not kept: %v", err))
		if !failedBefore {
			h.log.Error("the certificate is served but cannot be kept in ACME_CACHE; a restart now would lose it",
				"error", err, "again_in", saveEvery)
		}
		return
	}
	h.mu.Lock()
	h.unsaved, h.trouble = false, ""
	complete := h.served.Lacks == ""
	h.mu.Unlock()
	if complete && h.pendingOrder() != nil {
		h.dropOrder(ctx)
	}
	if failedBefore {
		h.log.Info("the certificate is kept in ACME_CACHE now")
	}
}
