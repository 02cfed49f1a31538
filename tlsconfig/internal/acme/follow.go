package acme

import (
	"context"
	"time"

	"example.com/turnkey/tlsconfig/internal/store"
)

// followEvery is how often the store is asked which certificates were written. A renewal by another process is served
// within two of them.
const followEvery = 4 * time.Second

// follow serves what other processes put into the store, until ctx is done. It puts what the store has lost back there.
func (s *Source) follow(ctx context.Context) {
	defer s.options.Store.Close()
	for since, tick := int64(0), time.Tick(followEvery); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		names, now, emptied, err := s.options.Store.Changes(ctx, since)
		if err != nil {
			continue // an attempt logs that the store does not answer, and no visitor notices
		}
		since = now
		if emptied || now == 0 {
			s.restore(ctx, emptied)
			continue
		}
		for _, name := range names {
			if h := s.byFile[name]; h != nil && ctx.Err() == nil {
				h.compare(ctx)
			}
		}
	}
}

// restore puts the keys of session tickets into an empty store, and has every host compare its certificate with it.
func (s *Source) restore(ctx context.Context, emptied bool) {
	if emptied {
		s.options.Log.Warn("ACME_CACHE has lost its data; this process stores its own again")
		if err := s.options.Issuer.Keep(ctx); err != nil {
			s.options.Log.Error("the account key cannot be put back into ACME_CACHE", "error", err)
		}
	}
	s.tickets.Refresh(ctx)
	for _, h := range s.hosts {
		if h.now().served.Certificate != nil {
			h.compare(ctx)
		}
	}
}

// compare serves the certificate in the store if that is newer than the served one, or stores the served one if that is
// newer.
func (h *host) compare(ctx context.Context) {
	c, err := h.stored(ctx)
	served := h.now().served
	if err == nil && h.now().loaded && h.now().sealed {
		h.opens(ctx)
	}
	sealed, is := store.IsSealed(err)
	switch {
	case is && h.now().loaded: // otherwise load logs it
		h.logSealed(sealed)
		return
	case err != nil: // at the next change, or the next attempt
	case c.Certificate != nil && c.Newer(served, time.Now()):
		h.takeOver(ctx, c)
	case served.Certificate != nil && served.Newer(c, time.Now()):
		h.change(func(s *state) { s.unsaved = true })
	default:
		return
	}
	select { // ends the wait of run
	case h.changed <- struct{}{}:
	default: // run has not seen the last one yet
	}
}
