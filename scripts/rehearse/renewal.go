package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"
)

// visitEvery is the time between two requests to a name.
const visitEvery = 100 * time.Millisecond

// renew sends requests to every name throughout, and reports renewals and failed requests. Requests fail when a
// certificate is not renewed in time.
func (s *story) renew(ctx context.Context, leaves map[string]*x509.Certificate) error {
	ticker := time.NewTicker(visitEvery)
	defer ticker.Stop()
	visits, dropped := 0, 0
	down, renewed := map[string]bool{}, map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-s.troubles:
			if s.once {
				return err
			}
			s.line("✗", "%v", err)
		case <-ticker.C:
		}
		for _, name := range s.names {
			leaf, err := s.visitor.probe(ctx, name)
			if err != nil { // if a part has ended, that is the better reason, and arrives soon
				select {
				case <-ctx.Done():
				case <-time.After(visitEvery):
				}
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			visits++
			if err != nil {
				dropped++
				if s.once {
					return fmt.Errorf("visitor %d was dropped: %w", visits, err)
				}
				if !down[name] {
					s.line("✗", "a visitor was dropped: %v", err)
				}
				down[name] = true
				continue
			}
			if down[name] {
				s.tell("%s answers again", name)
			}
			down[name] = false
			old := leaves[name]
			if leaf.Equal(old) {
				continue
			}
			if err := s.vouched(ctx, name, leaf); err != nil {
				return err
			}
			leaves[name], renewed[name] = leaf, true
			s.tell("%s: certificate renewed, serial %s → %s, until %s; %d requests so far, %s dropped",
				name, short(old.SerialNumber), short(leaf.SerialNumber), clock(leaf.NotAfter), visits, none(dropped))
		}
		if s.once && len(renewed) == len(s.names) {
			return nil
		}
	}
}

// short returns the beginning of a serial number.
func short(serial *big.Int) string { return fmt.Sprintf("%.8s…", serial.Text(16)) }

func none(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}
