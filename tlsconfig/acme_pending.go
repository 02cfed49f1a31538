package tlsconfig

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"time"
)

// pendingOrder is an order that the CA was asked to finalize, and whose certificate is not complete yet. It holds what a later
// attempt, or another process, needs to fetch the certificate. A new order would count against the CA's limits.
type pendingOrder struct {
	URL         string    `json:"url"`
	Finalize    string    `json:"finalize"`
	Certificate string    `json:"certificate,omitempty"` // URL; empty until the CA gives it
	Key         []byte    `json:"key,omitempty"`         // of the certificate, DER
	Expires     time.Time `json:"expires"`               // no attempt with this order afterwards
}

const (
	orderLife    = 7 * 24 * time.Hour // of an order for which the CA gives no end
	longestOrder = 30 * 24 * time.Hour
)

// newPendingOrder is an order that the CA has just accepted. Its life is what the CA says, within bounds.
func newPendingOrder(url, finalize string, expires, now time.Time) pendingOrder {
	if !expires.After(now) {
		expires = now.Add(orderLife)
	}
	if latest := now.Add(longestOrder); expires.After(latest) {
		expires = latest
	}
	return pendingOrder{URL: url, Finalize: finalize, Expires: expires}
}

// privateKey is the certificate's key, made at the first call.
func (o *pendingOrder) privateKey() (*ecdsa.PrivateKey, error) {
	if o.Key != nil {
		return x509.ParseECPrivateKey(o.Key)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	o.Key, err = x509.MarshalECPrivateKey(key)
	return key, err
}

// request is the certificate request to finalize the order with.
func (o *pendingOrder) request(host string) ([]byte, error) {
	key, err := o.privateKey()
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{DNSNames: []string{host}}
	if len(host) <= 64 { // X.520's bound for a common name, which some CAs still want
		template.Subject = pkix.Name{CommonName: host}
	}
	return x509.CreateCertificateRequest(rand.Reader, template, key)
}

// waits reports whether an order's certificate is still to be fetched.
func (o *pendingOrder) waits(now time.Time) bool {
	return o != nil && o.Key != nil && now.Before(o.Expires)
}

func (h *acmeHost) orderFile() string { return h.name + ".order" }

// keepOrder stores an order: before the CA is asked for the certificate, and again once its URL is known.
func (h *acmeHost) keepOrder(o pendingOrder) {
	h.mu.Lock()
	h.order = &o
	h.mu.Unlock()
	data, err := json.Marshal(o)
	if err == nil {
		err = h.source.production.store.put(context.Background(), h.orderFile(), data)
	}
	if err != nil {
		h.log.Error("the order under way cannot be kept in ACME_CACHE; a restart now would place a new order", "error", err)
	}
}

// loadOrder reads the order that an earlier process stored, or another process that shares the store. It drops an order that
// has expired, and one whose complete certificate is served.
func (h *acmeHost) loadOrder(ctx context.Context) error {
	h.mu.Lock()
	o := h.order
	h.mu.Unlock()
	served := h.served()
	if o == nil {
		data, err := h.source.production.store.get(ctx, h.orderFile())
		if isMissing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		o = new(pendingOrder)
		if err := cmp.Or(json.Unmarshal(data, o), keyError(o)); err != nil {
			h.log.Error("the order in ACME_CACHE is unreadable; kept as *.bad", "file", h.orderFile(), "error", err)
			return h.source.production.store.setAside(ctx, h.orderFile())
		}
	}
	if !o.waits(time.Now()) || served.Certificate != nil && served.lacks == "" && o.isFor(served) {
		h.dropOrder(ctx)
		return nil
	}
	h.mu.Lock()
	h.order = o
	h.mu.Unlock()
	return nil
}

func keyError(o *pendingOrder) error {
	if len(o.Key) == 0 {
		return errors.New("it holds no key")
	}
	_, err := o.privateKey()
	return err
}

// isFor reports whether a certificate is for the order's key.
func (o *pendingOrder) isFor(c candidate) bool {
	key, err := o.privateKey()
	return err == nil && key.PublicKey.Equal(c.Leaf.PublicKey)
}

// dropOrder removes the order from memory and store. Its certificate is stored, or the CA no longer has the order.
func (h *acmeHost) dropOrder(ctx context.Context) {
	h.mu.Lock()
	h.order = nil
	h.mu.Unlock()
	if err := h.source.production.store.remove(ctx, h.orderFile()); err != nil && !isMissing(err) {
		h.log.Warn("an order that is over cannot be removed from ACME_CACHE", "file", h.orderFile(), "error", err)
	}
}

// pendingOrder is a copy of the order whose certificate is still to be fetched; nil: none.
func (h *acmeHost) pendingOrder() *pendingOrder {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.order.waits(time.Now()) {
		return nil
	}
	o := *h.order
	return &o
}
