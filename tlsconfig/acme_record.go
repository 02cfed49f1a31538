package tlsconfig

import (
	"context"
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

// sayAgain is how often the same error of the store is logged again.
const sayAgain = time.Hour

// load reads what earlier runs stored, and serves the certificate as soon as it is read. It returns when everything that an
// attempt needs was read and the record was written. Without a record, a process that crashes in a loop would place an order
// each time. False means that ctx is done.
func (h *acmeHost) load(ctx context.Context) bool {
	var said string
	var saidAt time.Time
	poked := false
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := h.tryLoad(ctx)
		if err == nil {
			h.setTrouble("")
			if said != "" {
				h.log.Info("ACME_CACHE can be read and written again")
			}
			if poked {
				h.forget()
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if err.Error() != said || time.Since(saidAt) > sayAgain {
			h.sayWaiting(err)
			said, saidAt = err.Error(), time.Now()
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		case <-h.poke:
			poked = true
		}
	}
}

// sayWaiting logs that the host waits for the store.
func (h *acmeHost) sayWaiting(err error) {
	h.setTrouble(fmt.Sprintf("ACME_CACHE: %v", err))
	h.setNext("nothing is ordered before ACME_CACHE can be read and written", time.Time{})
	advice := "free space there, or make it writable for this user; the server tries again every minute, and at once on SIGHUP"
	cert := h.certificate()
	if cert == nil {
		h.log.Error("ACME_CACHE cannot be used; nothing is ordered before it can", "error", err, "advice", advice)
		return
	}
	h.log.Error("ACME_CACHE cannot be used: the certificate that was read from it is served, and nothing is ordered or renewed",
		"error", err, "not_after", cert.Leaf.NotAfter, "advice", advice)
}

func (h *acmeHost) tryLoad(ctx context.Context) error {
	store := h.source.production.store
	if err := h.loadCertificate(ctx); err != nil {
		return err
	}
	rec, err := h.readRecord(ctx)
	if err != nil {
		return err
	}
	if err := h.loadOrder(ctx); err != nil {
		return err
	}
	// The account's key too, so that a renewal does not need the store.
	if _, err := h.source.production.account.load(ctx, store); err != nil {
		return err
	}
	h.mu.Lock()
	h.record = rec
	if h.cert != nil {
		h.renewAt = renewalTime(h.cert, rec.Obtained)
	}
	h.mu.Unlock()
	if err := h.saveRecord(ctx); err != nil {
		return fmt.Errorf("cannot be written: %w", plainError(err)) // the temporary file's name would change the error each time
	}
	if wait := time.Until(rec.Next); wait > 0 && rec.Failures > 0 {
		h.log.Warn("earlier attempts failed; the next waits, as the authority counts them. SIGHUP or a changed setting tries at once",
			"failures", rec.Failures, "again_in", wait.Round(time.Second), "error", rec.Problem)
	}
	return nil
}

// loadCertificate serves the certificate in the store. While load waits, another process may put a newer one there.
func (h *acmeHost) loadCertificate(ctx context.Context) error {
	store, file := h.source.production.store, h.name+".pem"
	data, err := store.get(ctx, file)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	cert, err := readCertificate(data, h.name)
	if err != nil {
		if err := store.setAside(ctx, file); err != nil {
			return fmt.Errorf("setting the unusable certificate aside: %w", err)
		}
		h.log.Error("the certificate in ACME_CACHE is unusable; kept as *.bad, a new one is ordered", "file", file, "error", err)
		return nil
	}
	if old := h.served(); old.Certificate != nil && !cert.replaces(old, time.Now()) {
		return nil // it was read before
	}
	h.serve(cert, time.Time{})
	h.log.Info("certificate read", "issuer", cert.Leaf.Issuer.CommonName, "not_after", cert.Leaf.NotAfter)
	h.sayLacking(cert)
	return nil
}

// sayLacking warns of a certificate that is served though clients may not accept it.
func (h *acmeHost) sayLacking(c candidate) {
	switch {
	case c.broken:
		h.log.Error("the certificate is served, as there is no better one, though clients refuse what came with it",
			"error", c.lacks, "not_after", c.Leaf.NotAfter)
	case c.lacks != "":
		h.log.Warn("the certificate is served alone, as the CA sent nothing with it",
			"warning", c.lacks, "not_after", c.Leaf.NotAfter)
	}
}

// readRecord is the record of earlier runs. Failures under other settings do not count.
func (h *acmeHost) readRecord(ctx context.Context) (rec record, err error) {
	store, file := h.source.production.store, h.name+".json"
	data, err := store.get(ctx, file)
	if err != nil && !isMissing(err) {
		return rec, err
	}
	if err == nil && json.Unmarshal(data, &rec) != nil {
		if err := store.setAside(ctx, file); err != nil {
			return rec, fmt.Errorf("setting the unreadable record of attempts aside: %w", err)
		}
		h.log.Error("the record of attempts is unreadable; kept as *.bad", "file", file)
		rec = record{Next: time.Now().Add(ladder[0]), Settings: h.source.fingerprint} // the number of failures is not known
	}
	if rec.Settings != h.source.fingerprint {
		rec.Failures, rec.Next = 0, time.Time{} // with these settings it may work
	}
	// A clock that was ahead once must not stop issuance until it is right.
	if latest := time.Now().Add(longestWait); rec.Next.After(latest) {
		rec.Next = latest
	}
	return rec, nil
}

// adopt takes over a certificate that another process has put in the shared store, or an order that it left there.
func (h *acmeHost) adopt(ctx context.Context) bool {
	data, err := h.source.production.store.get(ctx, h.name+".pem")
	if err != nil && !isMissing(err) {
		return false
	}
	cert, err := readCertificate(data, h.name)
	if err != nil || !cert.replaces(h.served(), time.Now()) {
		if err := h.loadOrder(ctx); err != nil {
			h.log.Debug("the order of another process cannot be read from ACME_CACHE", "error", err)
		}
		return false
	}
	h.mu.Lock()
	h.unsaved = false
	h.record = record{Settings: h.source.fingerprint, Obtained: time.Now()}
	if cert.lacks == "" {
		h.order = nil // the other process removes it from the store
	}
	h.mu.Unlock()
	h.serve(cert, time.Now())
	h.log.Info("certificate taken over from ACME_CACHE, where another process put it", "not_after", cert.Leaf.NotAfter)
	h.sayLacking(cert)
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
	whole := h.lacks == ""
	h.mu.Unlock()
	if whole && h.pendingOrder() != nil {
		h.dropOrder(ctx)
	}
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
