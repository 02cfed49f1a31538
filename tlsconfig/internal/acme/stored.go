package acme

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
)

// read reads a file of the host from the store. If there is none, it does not call parse. A file that parse does not
// accept is logged and set aside, which is no error.
func (h *host) read(ctx context.Context, suffix, spoiled string, parse func(data []byte) error) error {
	slot, file := h.source.options.Store, cert.StoreName(h.name)+suffix
	data, err := slot.Get(ctx, file)
	switch {
	case store.IsMissing(err):
		return nil
	case err != nil:
		return err
	}
	if fault := parse(data); fault != nil {
		if err := slot.SetAside(ctx, file); err != nil {
			return fmt.Errorf("setting the unusable %s aside: %w", file, err)
		}
		h.log.Error(spoiled, "file", file, "error", fault)
	}
	return nil
}

// loadCertificate serves the certificate in the store. While load waits, another process may put a newer one there.
func (h *host) loadCertificate(ctx context.Context) error {
	var c cert.Candidate
	err := h.read(ctx, ".pem", "the certificate in ACME_CACHE is unusable; kept as *.bad, a new one is ordered",
		func(data []byte) (err error) { c, err = cert.Unmarshal(data, h.name); return err })
	if err != nil || c.Certificate == nil {
		return err
	}
	if old := h.now().served; old.Certificate != nil && !c.Newer(old, time.Now()) {
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
		h.log.Error("clients refuse what came with the certificate; it is served because there is no better one",
			"error", c.Lacks, "not_after", c.Leaf.NotAfter)
	case c.Lacks != "":
		h.log.Warn("the CA sent no chain with the certificate; it is served without one",
			"warning", c.Lacks, "not_after", c.Leaf.NotAfter)
	}
}

// adopt takes over a certificate that another process has put in the shared store, or an order that it left there. It
// reports whether a certificate was taken over.
func (h *host) adopt(ctx context.Context) bool {
	c, err := h.stored(ctx)
	if err == nil && c.Certificate != nil && c.Newer(h.now().served, time.Now()) {
		h.takeOver(ctx, c)
		return true
	}
	if err := h.loadOrder(ctx); err != nil {
		h.log.Debug("the order of another process cannot be read from ACME_CACHE", "error", err)
	}
	return false
}

// takeOver serves a certificate of another process.
func (h *host) takeOver(ctx context.Context, c cert.Candidate) {
	h.change(func(s *state) {
		s.unsaved = false
		s.record = record{Settings: h.source.options.Settings, Obtained: time.Now()}
		if c.Lacks == "" {
			s.order = nil // the other process removes it from the store
		}
	})
	h.serve(c, time.Now())
	h.log.Info("certificate taken over from ACME_CACHE, where another process put it", "not_after", c.Leaf.NotAfter)
	h.logLacking(c)
	if err := h.saveRecord(ctx); err != nil {
		h.log.Warn("the record of the certificate that was taken over cannot be kept in ACME_CACHE", "error", err)
	}
}

// save stores the certificate. If that fails, the next tick tries again. save continues when ctx is done, because the
// process may be stopping.
func (h *host) save(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	before := h.now()
	err := h.putCertificate(ctx, before.served)
	if err == nil {
		err = h.saveRecord(ctx)
	}
	if err != nil {
		h.change(func(s *state) {
			s.unsavedLogged, s.trouble = true, fmt.Sprintf("the certificate is served but not kept: %v", err)
		})
		if !before.unsavedLogged {
			h.log.Error("the certificate is served but cannot be kept in ACME_CACHE; a restart now would lose it",
				"error", err, "again_in", saveEvery)
		}
		return
	}
	h.change(func(s *state) { s.unsaved, s.unsavedLogged, s.trouble = false, false, "" })
	if before.served.Lacks == "" && h.pendingOrder() != nil {
		h.dropOrder(ctx)
	}
	if before.unsavedLogged {
		h.log.Info("the certificate is kept in ACME_CACHE now")
	}
}

// putCertificate stores a certificate. If another process has stored a later one, that is served instead.
func (h *host) putCertificate(ctx context.Context, served cert.Candidate) error {
	data, err := cert.Marshal(served.Certificate)
	if err != nil {
		return err
	}
	if err = h.put(ctx, ".pem", data); !errors.Is(err, store.ErrOutdated) {
		return err
	}
	lock, err := h.source.options.Store.Lock(ctx, cert.StoreName(h.name))
	if err != nil {
		return err
	}
	defer h.unlock(ctx, lock)
	h.change(func(s *state) { s.fence = lock.Fence() })
	if h.adopt(ctx) {
		return nil
	}
	return h.put(ctx, ".pem", data)
}

// put stores a file of this host, unless another process had the lock after this one and has stored something.
func (h *host) put(ctx context.Context, suffix string, data []byte) error {
	return h.source.options.Store.Put(ctx, cert.StoreName(h.name), suffix, data, h.now().fence)
}

func (h *host) orderFile() string { return cert.StoreName(h.name) + ".order" }

// keepOrder stores an order: before the CA is asked for the certificate, and again once its URL is known.
func (h *host) keepOrder(o cert.Order) {
	h.change(func(s *state) { s.order = &o })
	data, err := json.Marshal(o)
	if err == nil {
		err = h.put(context.Background(), ".order", data)
	}
	if err != nil {
		h.log.Error("the order under way cannot be kept in ACME_CACHE; a restart now would place a new order",
			"error", err)
	}
}

// loadOrder reads the order that an earlier process stored, or another process that shares the store. It drops an order
// that has expired, and one whose complete certificate is served.
func (h *host) loadOrder(ctx context.Context) error {
	o, served := h.now().order, h.now().served
	if o == nil {
		err := h.read(ctx, ".order", "the order in ACME_CACHE is unreadable; kept as *.bad",
			func(data []byte) (err error) { o, err = cert.ParseOrder(data); return err })
		if err != nil || o == nil {
			return err
		}
	}
	if !o.Open(time.Now()) || served.Certificate != nil && served.Lacks == "" && o.IsFor(served) {
		h.dropOrder(ctx)
		return nil
	}
	h.change(func(s *state) { s.order = o })
	return nil
}

// dropOrder removes the order from memory and store. Its certificate is stored, or the CA no longer has the order.
func (h *host) dropOrder(ctx context.Context) {
	h.change(func(s *state) { s.order = nil })
	if err := h.source.options.Store.Remove(ctx, h.orderFile()); err != nil && !store.IsMissing(err) {
		h.log.Warn("an order that is over cannot be removed from ACME_CACHE", "file", h.orderFile(), "error", err)
	}
}

// pendingOrder returns a copy of the order whose certificate is still to be fetched; nil: none.
func (h *host) pendingOrder() *cert.Order {
	o := h.now().order
	if !o.Open(time.Now()) {
		return nil
	}
	clone := *o
	return &clone
}
