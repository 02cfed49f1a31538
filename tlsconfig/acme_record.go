package tlsconfig

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"time"
)

// record is what has to outlive the process, or a crash in a loop could exhaust the authority's limits. It is kept
// before an attempt begins, as if it had failed, and put right after it succeeded.
type record struct {
	Settings string    `json:"settings"` // fingerprint of those under which the failures happened
	Failures int       `json:"failures"` // in a row
	Next     time.Time `json:"next"`     // no attempt before
	Obtained time.Time `json:"obtained"` // when the certificate was
	Problem  *Problem  `json:"problem,omitempty"`
}

// load reads what earlier runs left. It does not give up: without knowing what is there, ordering could be once too
// often. False means that ctx is done.
func (h *acmeHost) load(ctx context.Context) bool {
	poked := false
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := h.tryLoad(ctx)
		if err == nil {
			if poked {
				h.forget()
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		h.setTrouble(fmt.Sprintf("ACME_CACHE: %v", err))
		h.log.Error("ACME_CACHE does not work; nothing is ordered before it does", "error", err, "again_in", wait)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		case <-h.poke:
			poked = true
		}
	}
}

func (h *acmeHost) tryLoad(ctx context.Context) error {
	store := h.source.production.store
	data, err := store.get(ctx, h.name+".json")
	var rec record
	if err == nil && json.Unmarshal(data, &rec) != nil {
		h.log.Error("the record of attempts is unreadable; kept as *.bad", "file", h.name+".json")
		err = store.setAside(ctx, h.name+".json")
		rec.Next = time.Now().Add(ladder[0]) // nobody knows how often was tried
		rec.Settings = h.source.fingerprint
	}
	if err != nil && !isMissing(err) {
		return err
	}
	data, err = store.get(ctx, h.name+".pem")
	if err != nil && !isMissing(err) {
		return err
	}
	// The account's key too, so that a renewal does not need the store.
	if _, err := h.source.production.account.load(ctx, store); err != nil {
		return err
	}
	var cert *tls.Certificate
	if err == nil {
		if cert, err = parseCertificate(data, h.name); err != nil {
			h.log.Error("the certificate in ACME_CACHE is unusable; kept as *.bad, a new one is ordered", "file", h.name+".pem", "error", err)
			if err := store.setAside(ctx, h.name+".pem"); err != nil {
				return err
			}
		}
	}
	if rec.Settings != h.source.fingerprint {
		rec.Failures, rec.Next = 0, time.Time{} // what failed under other settings says nothing of these
	}
	// A clock that was ahead once must not stop issuance until it is right.
	if latest := time.Now().Add(longestWait); rec.Next.After(latest) {
		rec.Next = latest
	}
	h.mu.Lock()
	h.record, h.cert, h.trouble = rec, cert, ""
	if cert != nil {
		h.renewAt = renewalTime(cert, rec.Obtained)
	}
	h.mu.Unlock()
	if cert != nil {
		h.source.publish()
		h.log.Info("certificate read", "issuer", cert.Leaf.Issuer.CommonName, "not_after", cert.Leaf.NotAfter)
	}
	// A store that only reads would let every restart order anew.
	if err := h.saveRecord(ctx); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if wait := time.Until(rec.Next); wait > 0 && rec.Failures > 0 {
		h.log.Warn("earlier attempts failed; the next waits, as the authority counts them. SIGHUP or a changed setting tries at once",
			"failures", rec.Failures, "again_in", wait.Round(time.Second), "error", rec.Problem)
	}
	return nil
}

// adopt takes over what another process that shares the store has renewed meanwhile.
func (h *acmeHost) adopt(ctx context.Context) bool {
	old := h.certificate()
	data, err := h.source.production.store.get(ctx, h.name+".pem")
	if err != nil {
		return false
	}
	cert, err := parseCertificate(data, h.name)
	if err != nil || fresh(cert, time.Now()) != nil || old != nil && !cert.Leaf.NotAfter.After(old.Leaf.NotAfter) {
		return false
	}
	h.mu.Lock()
	h.cert, h.renewAt, h.unsaved = cert, renewalTime(cert, time.Now()), false
	h.ariNext, h.ariWindow = time.Time{}, window{}
	h.record = record{Settings: h.source.fingerprint, Obtained: time.Now()}
	h.mu.Unlock()
	h.source.publish()
	h.log.Info("certificate taken over from ACME_CACHE, where another process put it", "not_after", cert.Leaf.NotAfter)
	if err := h.saveRecord(ctx); err != nil {
		h.log.Warn("that the certificate was taken over cannot be noted in ACME_CACHE", "error", err)
	}
	return true
}

// pending says whether the certificate in hand is not kept yet.
func (h *acmeHost) pending() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unsaved
}

// save keeps the certificate, or leaves it for the next step: in memory it is safe while the process lives.
func (h *acmeHost) save(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // also when the process stops
	data, err := marshalCertificate(h.certificate())
	if err == nil {
		err = h.source.production.store.put(ctx, h.name+".pem", data)
	}
	if err == nil {
		err = h.saveRecord(ctx)
	}
	h.mu.Lock()
	before := h.saidUnsaved
	h.saidUnsaved = err != nil
	h.mu.Unlock()
	if err != nil {
		h.setTrouble(fmt.Sprintf("the certificate is served but not kept: %v", err))
		if !before {
			h.log.Error("the certificate is served but cannot be kept in ACME_CACHE; a restart now would lose it", "error", err, "again_in", saveAgain)
		}
		return
	}
	h.mu.Lock()
	h.unsaved, h.trouble = false, ""
	h.mu.Unlock()
	if before {
		h.log.Info("the certificate is kept in ACME_CACHE now")
	}
}

func (h *acmeHost) saveRecord(ctx context.Context) error {
	h.mu.Lock()
	data, err := json.Marshal(h.record)
	h.mu.Unlock()
	if err != nil {
		return err
	}
	return h.source.production.store.put(ctx, h.name+".json", data)
}
