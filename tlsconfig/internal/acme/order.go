package acme

import (
	"context"
	"encoding/json"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
)

func (h *host) orderFile() string { return h.name + ".order" }

// keepOrder stores an order: before the CA is asked for the certificate, and again once its URL is known.
func (h *host) keepOrder(o cert.Order) {
	h.mu.Lock()
	h.order = &o
	h.mu.Unlock()
	data, err := json.Marshal(o)
	if err == nil {
		err = h.source.options.Store.Put(context.Background(), h.orderFile(), data)
	}
	if err != nil {
		h.log.Error("the order under way cannot be kept in ACME_CACHE; a restart now would place a new order",
			"error", err)
	}
}

// loadOrder reads the order that an earlier process stored, or another process that shares the store. It drops an order
// that has expired, and one whose complete certificate is served.
func (h *host) loadOrder(ctx context.Context) error {
	h.mu.Lock()
	o, served := h.order, h.served
	h.mu.Unlock()
	if o == nil {
		data, err := h.source.options.Store.Get(ctx, h.orderFile())
		if store.IsMissing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if o, err = cert.ParseOrder(data); err != nil {
			h.log.Error("the order in ACME_CACHE is unreadable; kept as *.bad", "file", h.orderFile(), "error", err)
			return h.source.options.Store.SetAside(ctx, h.orderFile())
		}
	}
	if !o.Open(time.Now()) || served.Certificate != nil && served.Lacks == "" && o.IsFor(served) {
		h.dropOrder(ctx)
		return nil
	}
	h.mu.Lock()
	h.order = o
	h.mu.Unlock()
	return nil
}

// dropOrder removes the order from memory and store. Its certificate is stored, or the CA no longer has the order.
func (h *host) dropOrder(ctx context.Context) {
	h.mu.Lock()
	h.order = nil
	h.mu.Unlock()
	if err := h.source.options.Store.Remove(ctx, h.orderFile()); err != nil && !store.IsMissing(err) {
		h.log.Warn("an order that is over cannot be removed from ACME_CACHE", "file", h.orderFile(), "error", err)
	}
}

// pendingOrder returns a copy of the order whose certificate is still to be fetched; nil: none.
func (h *host) pendingOrder() *cert.Order {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.order.Open(time.Now()) {
		return nil
	}
	o := *h.order
	return &o
}
