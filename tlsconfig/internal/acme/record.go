package acme

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/osfile"
)

// record persists the failure count, so that a crash loop cannot use up the CA's rate limits. Each attempt is stored as
// failed before it starts, and corrected on success.
type record struct {
	Settings string        `json:"settings"` // see Options: those under which the failures happened
	Failures int           `json:"failures"` // in a row
	Next     time.Time     `json:"next"`     // no attempt before
	Obtained time.Time     `json:"obtained"` // when the certificate was
	Problem  *cert.Problem `json:"problem,omitempty"`
}

const (
	longestNext = 7 * 24 * time.Hour // bounds record.Next
	logEvery    = time.Hour          // how often the same error of the store is logged
)

// load reads what earlier runs stored, and serves the certificate as soon as it is read. It returns when everything
// that an attempt needs was read and the record was written. Without a record, a process that crashes in a loop would
// place an order each time. load returns false when ctx is done.
func (h *host) load(ctx context.Context) bool {
	var logged string
	var loggedAt time.Time
	woken := false
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := h.source.loading.do(ctx, func() error { return h.loadCertificate(ctx) })
		if err == nil { // read the certificates of all hosts first, because writing a record takes longer
			err = h.source.loading.do(ctx, func() error { return h.loadRest(ctx) })
		}
		if err == nil {
			h.change(func(s *state) { s.trouble, s.loaded, s.sealed = "", true, false })
			for _, suffix := range []string{".pem", ".json", ".order"} {
				h.source.options.Store.Reseal(ctx, cert.StoreName(h.name), suffix)
			}
			if logged != "" {
				h.log.Info("ACME_CACHE can be read and written again")
			}
			if woken {
				h.resetBackoff()
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if err.Error() != logged || time.Since(loggedAt) > logEvery {
			h.logWaiting(err)
			logged, loggedAt = err.Error(), time.Now()
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		case <-h.woken:
			woken = true
		}
	}
}

func (h *host) logWaiting(err error) {
	h.setTrouble(fmt.Sprintf("ACME_CACHE: %v", err))
	h.setNext("nothing is ordered before ACME_CACHE can be read and written", time.Time{})
	msg := "ACME_CACHE cannot be used; nothing is ordered before it can"
	attrs := []any{"error", err}
	if c := h.now().served; c.Certificate != nil {
		msg = "ACME_CACHE cannot be used: the certificate that was read from it is served, " +
			"and nothing is ordered or renewed"
		attrs = append(attrs, "not_after", c.Leaf.NotAfter)
	}
	advice := "free space there, or make it writable for this user"
	sealed, is := store.IsSealed(err)
	if is {
		advice = sealed.Advice()
	}
	h.change(func(s *state) { s.sealed = is })
	h.log.Error(msg, append(attrs, "advice", advice+"; the server tries again every minute, and at once on SIGHUP")...)
}

func (h *host) loadRest(ctx context.Context) error {
	rec, err := h.readRecord(ctx)
	if err != nil {
		return err
	}
	if err := h.loadOrder(ctx); err != nil {
		return err
	}
	if err := h.source.options.Issuer.Ready(ctx); err != nil {
		return err
	}
	h.change(func(s *state) {
		s.record = rec
		if c := s.served.Certificate; c != nil {
			s.renewAt = renewalTime(c, rec.Obtained)
		}
	})
	if err := h.saveRecord(ctx); err != nil {
		// Without the path: it has a random part, and load compares errors.
		return fmt.Errorf("cannot be written: %w", osfile.Cause(err))
	}
	switch wait := time.Until(rec.Next); {
	case wait <= 0 || rec.Failures == 0:
	case rec.Problem == nil:
		h.log.Info("an attempt to get the certificate has begun, here or in another process, and has not ended; "+
			"the next one waits", "again_in", wait.Round(time.Second))
	default:
		h.log.Warn("earlier attempts failed, so the next one waits: the CA limits them. "+
			"SIGHUP or a changed setting tries at once",
			"failures", rec.Failures, "again_in", wait.Round(time.Second), "error", rec.Problem)
	}
	return nil
}

// readRecord returns the record of earlier runs. Failures under other settings do not count.
func (h *host) readRecord(ctx context.Context) (rec record, err error) {
	settings := h.source.options.Settings
	err = h.read(ctx, ".json", "the record of attempts is unreadable; kept as *.bad", func(data []byte) error {
		err := json.Unmarshal(data, &rec)
		if err != nil { // the number of failures is not known, and there may have been one
			rec = record{Next: time.Now().Add(firstBackoff), Settings: settings}
		}
		return err
	})
	if rec.Settings != settings {
		rec.Failures, rec.Next = 0, time.Time{} // with these settings it may work
	}
	// A clock that was ahead once must not stop issuance until that time comes.
	if latest := time.Now().Add(longestNext); rec.Next.After(latest) {
		rec.Next = latest
	}
	return rec, err
}

func (h *host) saveRecord(ctx context.Context) error {
	data, err := json.Marshal(h.now().record)
	if err != nil {
		return err
	}
	if err = h.put(ctx, ".json", data); errors.Is(err, store.ErrOutdated) {
		return nil // the record of the process that had the lock after this one is newer
	}
	return err
}

// storeRecord is saveRecord that shows a failure in the status.
func (h *host) storeRecord(ctx context.Context) {
	if err := h.saveRecord(ctx); err != nil {
		h.setTrouble(fmt.Sprintf("writing ACME_CACHE: %v", err))
	}
}
