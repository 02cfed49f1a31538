// Package local serves development certificates that the CA of this machine signs (package localca). It makes a new
// pair when the names of the machine change, and before the old one ends.
//
//   - local.go: a pair in files, which room files serves
//   - memory.go: a certificate in memory, where no pair can be saved
package local

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/clientca"
	"example.com/turnkey/tlsconfig/internal/files"
	"example.com/turnkey/tlsconfig/localca"
	"example.com/turnkey/tlsconfig/setting"
)

const (
	// namesEvery is how often this machine's names and addresses are looked at.
	namesEvery = 5 * time.Second

	// pairEvery is how often the pair is looked at, if the names stay the same.
	pairEvery = time.Hour
)

// Options are what a Source needs.
type Options struct {
	CertFile, KeyFile string
	Names             func() []string // is asked every few seconds, since a laptop's addresses change
	CADir             string          // where the CA is kept
	Owner             *localca.Owner  // owns what is made; nil: the user who runs this

	ClientCAs *clientca.CAs     // nil: no client certificates are asked for
	Log       *slog.Logger      // required
	Say       func(line string) // gets what a developer should read at the start; nil: it is logged
	Alarm     func(line string) // gets what a developer must not overlook, at any time; nil: it is logged as a warning
}

// Source serves a development certificate, from files or from memory.
type Source interface {
	TLSConfig() *tls.Config
	HTTPHandler(next http.Handler) http.Handler
	Run(ctx context.Context) error
	Reload()
	Status() []cert.Status
}

// New makes the pair, or uses the one that is there. Where it cannot be saved, the certificate is in memory.
func New(o Options) (Source, error) {
	if o.Say == nil {
		o.Say = func(line string) { o.Log.Info(line) }
	}
	if o.Alarm == nil {
		o.Alarm = func(line string) { o.Log.Warn(line) }
	}
	names := o.Names()
	req := o.request(names)
	res, err := localca.Ensure(req)
	if errors.Is(err, localca.ErrForeign) {
		return nil, fmt.Errorf("%w; set TLS_MODE=files to serve it, or move it away", err)
	}
	for _, line := range res.Alarms {
		o.Alarm(line)
	}
	if err != nil {
		return newMemory(o, names, err)
	}
	for _, line := range res.Lines(req) {
		o.Say(line)
	}
	source, err := files.New(files.Options{CertFiles: []string{o.CertFile}, KeyFiles: []string{o.KeyFile},
		Development: true, ClientCAs: o.ClientCAs, Log: o.Log})
	if err != nil {
		return nil, err
	}
	return &saved{source, o, names}, nil
}

func (o Options) request(names []string) localca.Request {
	return localca.Request{CertFile: o.CertFile, KeyFile: o.KeyFile, CADir: o.CADir, Names: names, Owner: o.Owner}
}

// Check wants one pair of files that package localca may write.
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
			Problem: "somebody else made the certificate in it, and TLS_MODE=local would replace it",
			Fix:     "set TLS_MODE=files to serve it, or move it away"}}
	}
	return nil
}

// saved serves a pair of files that package localca makes.
type saved struct {
	*files.Source
	options Options
	names   []string // of the pair at the start
}

// Run makes a new pair when the names change and before the old one's end, and serves it at once.
func (s *saved) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		watch(ctx, s.options.Names, s.names, func(names []string) {
			if s.ensure(names) {
				s.Source.Reload()
			}
		})
	})
	return s.Source.Run(ctx)
}

// Reload also makes a new pair if the old one can no longer be used.
func (s *saved) Reload() {
	s.ensure(s.options.Names())
	s.Source.Reload()
}

// ensure reports whether it made a new pair.
func (s *saved) ensure(names []string) (made bool) {
	res, err := localca.Ensure(s.options.request(names))
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
	return res.Why != ""
}

// watch calls remake when names returns others than have, and once in pairEvery in any case, until ctx is done.
func watch(ctx context.Context, names func() []string, have []string, remake func(names []string)) {
	last := time.Now().Round(0) // by the wall clock: the monotonic clock stops while a laptop sleeps
	ticker := time.NewTicker(namesEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := names()
		if slices.Equal(now, have) && time.Since(last) < pairEvery {
			continue
		}
		have, last = now, time.Now().Round(0)
		remake(now)
	}
}
