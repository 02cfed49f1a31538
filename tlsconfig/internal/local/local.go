// Package local serves development certificates that the CA of this machine signs (package localca). It makes a new
// pair when the names of the machine change, and before the old one ends. The pair is in files, or in memory where it
// cannot be saved.
package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/clientca"
	"example.com/turnkey/tlsconfig/internal/files"
	"example.com/turnkey/tlsconfig/localca"
	"example.com/turnkey/tlsconfig/setting"
)

const (
	namesEvery = 5 * time.Second // how often this machine's names and addresses are looked at
	pairEvery  = time.Hour       // how often the pair is looked at, if the names stay the same
)

// Options are what a Source needs.
type Options struct {
	CertFile, KeyFile string
	Names             func() []string // is asked every few seconds, since a laptop's addresses change
	CADir             string          // where the CA is kept
	Owner             *localca.Owner  // owns what is made; nil: the user who runs this

	ClientCAs *clientca.CAs // nil: no client certificates are asked for

	// Required:
	Log   *slog.Logger
	Say   func(line string) // gets what a developer should read at the start
	Alarm func(line string) // gets what a developer must not overlook, at any time
}

// Source serves a development certificate.
type Source struct {
	*files.Source // reads what this one makes
	options       Options
	names         []string // of the pair at the start

	// Where the pair cannot be saved:
	cause error // why not; nil: it is saved
	ca    *localca.CA
	pair  atomic.Pointer[[2][]byte] // PEM of certificate and key
}

// New makes the pair, or uses the one that is there. Where it cannot be saved, the certificate is in memory.
func New(o Options) (*Source, error) {
	s := &Source{options: o, names: o.Names()}
	req := o.request(s.names)
	res, err := localca.Ensure(req)
	if errors.Is(err, localca.ErrForeign) {
		return nil, fmt.Errorf("%w; set TLS_MODE=files to serve it, or move it away", err)
	}
	for _, line := range res.Alarms {
		o.Alarm(line)
	}
	pairs := files.Options{CertFiles: []string{o.CertFile}, KeyFiles: []string{o.KeyFile}, Development: true,
		ClientCAs: o.ClientCAs, Log: o.Log}
	if err == nil {
		for _, line := range res.Lines(req) {
			o.Say(line)
		}
	} else if err := s.useMemory(err); err != nil {
		return nil, err
	} else {
		pairs.Memory = func() (certPEM, keyPEM []byte) { p := s.pair.Load(); return p[0], p[1] }
	}
	s.Source, err = files.New(pairs)
	return s, err
}

func (o Options) request(names []string) localca.Request {
	return localca.Request{CertFile: o.CertFile, KeyFile: o.KeyFile, CADir: o.CADir, Names: names, Owner: o.Owner}
}

// useMemory signs with the CA that browsers trust, if that can be read.
func (s *Source) useMemory(cause error) (err error) {
	var caSaved bool
	s.cause = cause
	if s.ca, caSaved, err = localca.OpenAnyway(s.options.CADir); err != nil {
		return err
	}
	changes := "it changes with each start"
	if !caSaved {
		changes += ", and so does its CA, so no browser can trust it"
	}
	s.options.Say(fmt.Sprintf("certificate  not saved: %s: %v", changes, cause))
	s.options.Say("             to keep it, make that folder writable, " +
		"or set TLS_CERT_FILE and TLS_KEY_FILE to files in one that is")
	return s.issue(s.names)
}

// issue signs a certificate in memory, for the names that the CA may sign for.
func (s *Source) issue(names []string) error {
	permitted := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !s.ca.Permits(name) })
	certPEM, keyPEM, err := s.ca.Issue(permitted)
	if err == nil {
		s.pair.Store(&[2][]byte{certPEM, keyPEM})
	}
	return err
}

// Check returns a fault unless there is one pair of files that package localca may write.
func Check(certFiles, keyFiles []string) []setting.Fault {
	if len(certFiles) != 1 || len(keyFiles) != 1 {
		return []setting.Fault{{Setting: "TLS_CERT_FILE", Value: strings.Join(certFiles, ","),
			Problem: "TLS_MODE=local makes one certificate and one key",
			Fix: "give one path in each of TLS_CERT_FILE and TLS_KEY_FILE, " +
				"or set TLS_MODE=files to serve several pairs of your own"}}
	}
	data, err := os.ReadFile(certFiles[0])
	if err == nil && localca.Foreign(data) {
		return []setting.Fault{{Setting: "TLS_CERT_FILE", Value: certFiles[0],
			Problem: "the development CA did not sign the certificate in it, and TLS_MODE=local would replace it",
			Fix:     "set TLS_MODE=files to serve it, or move it away"}}
	}
	return nil
}

// Run makes a new pair when the names change and before the old one's end, and serves it at once.
func (s *Source) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		watch(ctx, s.options.Names, s.names, func(names []string) {
			if s.renew(names) {
				s.Source.Reload()
			}
		})
	})
	return s.Source.Run(ctx)
}

// Reload also makes a new pair if the old one can no longer be used.
func (s *Source) Reload() {
	s.renew(s.options.Names())
	s.Source.Reload()
}

// Status says of a pair in memory why it is not saved.
func (s *Source) Status() []cert.Status {
	status := s.Source.Status()
	if s.cause != nil {
		status[0].Next, status[0].Error = "remade at the next start", s.cause.Error()
	}
	return status
}

// renew makes a new pair if the old one can no longer be used, and reports whether it did.
func (s *Source) renew(names []string) (made bool) {
	var res localca.Result
	var err error
	if s.cause == nil {
		res, err = localca.Ensure(s.options.request(names))
	} else {
		err = s.issue(names)
	}
	if err != nil {
		s.options.Log.Error("renewing the development certificate; the old one stays", "error", err)
		return false
	}
	for _, line := range res.Alarms {
		s.options.Alarm(line)
	}
	if res.Why != "" {
		s.options.Log.Info("development certificate remade", "why", res.Why, "not_after", res.Leaf.NotAfter)
	}
	return res.Why != "" || s.cause != nil
}

// watch calls remake when names returns others than have, and once in pairEvery in any case, until ctx is done.
func watch(ctx context.Context, names func() []string, have []string, remake func(names []string)) {
	last := time.Now().Round(0) // by the wall clock: the monotonic clock stops while a laptop sleeps
	for tick := time.Tick(namesEvery); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		now := names()
		if slices.Equal(now, have) && time.Since(last) < pairEvery {
			continue
		}
		have, last = now, time.Now().Round(0)
		remake(now)
	}
}
