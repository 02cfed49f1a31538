package tlsconfig

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/turnkey/tlsconfig/localca"
)

const (
	// namesEvery is how often this machine's names and addresses are looked at.
	namesEvery = 5 * time.Second

	// localEvery is how often the development pair's end is looked at.
	localEvery = time.Hour
)

// local is files whose one pair the development CA of this machine makes and renews. A server name that is not in
// the certificate gets it all the same: the browser then says which names would be right.
type local struct {
	*files
	names []string // of the pair
}

func newLocal(o Options) (Source, error) {
	names := o.LocalNames()
	req := localRequest(o, names)
	res, err := localca.Ensure(req)
	if errors.Is(err, localca.ErrForeign) {
		return nil, fmt.Errorf("%w; set TLS_MODE=files to serve it, or move it away", err)
	}
	for _, line := range res.Alarms {
		o.alarm(line)
	}
	if err != nil {
		return newUnsaved(o, names, err)
	}
	for _, line := range res.Lines(req) {
		o.say(line)
	}
	f, err := newFiles(o)
	if err != nil {
		return nil, err
	}
	return &local{f, names}, nil
}

// Run makes a new pair when the names change and before the old one's end, and serves it at once.
func (l *local) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		watch(ctx, l.options.LocalNames, l.names, func(names []string) {
			if l.ensure(names) {
				l.files.Reload()
			}
		})
	})
	return l.files.Run(ctx)
}

// Reload also makes a new pair if the old one will not do any more.
func (l *local) Reload() {
	l.ensure(l.options.LocalNames())
	l.files.Reload()
}

func (l *local) ensure(names []string) (made bool) {
	res, err := localca.Ensure(localRequest(l.options, names))
	if err != nil {
		l.options.Log.Error("renewing the development certificate; the old one stays", "error", err)
		return false
	}
	for _, line := range res.Alarms {
		l.options.alarm(line)
	}
	if res.Why != "" {
		l.options.Log.Info("development certificate remade", "why", res.Why, "not_after", res.Leaf.NotAfter)
	}
	return res.Why != ""
}

// watch calls remake when names are others than have, and once in localEvery in any case, until ctx is done.
func watch(ctx context.Context, names func() []string, have []string, remake func(names []string)) {
	last := time.Now().Round(0) // by the wall clock: the other one stands still while a laptop sleeps
	ticker := time.NewTicker(namesEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := names()
		if slices.Equal(now, have) && time.Since(last) < localEvery {
			continue
		}
		have, last = now, time.Now().Round(0)
		remake(now)
	}
}

// unsaved serves a development certificate from memory, where there is nowhere to keep one.
type unsaved struct {
	options Options
	config  *tls.Config
	clients *clientCAs
	ca      *localca.CA
	names   []string
	cause   error
	current atomic.Pointer[tls.Certificate]
}

// newUnsaved signs with the CA that the browsers know, if at least that one can be read.
func newUnsaved(o Options, names []string, cause error) (Source, error) {
	ca, saved, err := localca.OpenAnyway(o.LocalCADir)
	if err != nil {
		return nil, err
	}
	u := &unsaved{options: o, ca: ca, names: names, cause: cause}
	if err := u.issue(names); err != nil {
		return nil, err
	}
	changes := "it changes with each start"
	if !saved {
		changes += ", and so does its CA, so no browser can trust it"
	}
	o.say(fmt.Sprintf("certificate  not saved: %s: %v", changes, cause))
	o.say("             to keep it, make that folder writable, or set TLS_CERT_FILE and TLS_KEY_FILE to files in one that is")
	u.config, u.clients, err = serverConfig(o,
		func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return u.current.Load(), nil })
	return u, err
}

func (u *unsaved) issue(names []string) error {
	var permitted []string
	for _, n := range names {
		if u.ca.Permits(n) {
			permitted = append(permitted, n)
		}
	}
	chain, key, err := u.ca.Issue(permitted)
	if err != nil {
		return err
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return err
	}
	u.current.Store(&cert)
	return nil
}

func (u *unsaved) TLSConfig() *tls.Config                     { return u.clients.live(u.config.Clone()) }
func (u *unsaved) HTTPHandler(next http.Handler) http.Handler { return next }

func (u *unsaved) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { u.clients.run(ctx) })
	watch(ctx, u.options.LocalNames, u.names, u.remake)
	return nil
}

func (u *unsaved) Reload() {
	u.clients.reload()
	u.remake(u.options.LocalNames())
}

func (u *unsaved) remake(names []string) {
	old := leafNames(u.current.Load())
	if err := u.issue(names); err != nil {
		u.options.Log.Error("renewing the development certificate; the old one stays", "error", err)
	} else if now := u.current.Load(); !slices.Equal(leafNames(now), old) {
		u.options.Log.Info("development certificate remade", "why", "the names changed", "not_after", now.Leaf.NotAfter)
	}
}

func (u *unsaved) Status() []Status {
	cert := u.current.Load()
	return []Status{{Names: leafNames(cert), Issuer: cert.Leaf.Issuer.CommonName, NotAfter: cert.Leaf.NotAfter,
		Next: "remade at the next start", Error: u.cause.Error()}}
}

func localRequest(o Options, names []string) localca.Request {
	return localca.Request{CertFile: o.CertFiles[0], KeyFile: o.KeyFiles[0], CADir: o.LocalCADir, Names: names, Owner: o.LocalOwner}
}

// checkLocal wants one pair of files, and that they are ours to write.
func checkLocal(o Options) []Fault {
	if len(o.CertFiles) != 1 || len(o.KeyFiles) != 1 {
		return []Fault{{"TLS_CERT_FILE", strings.Join(o.CertFiles, ","), "TLS_MODE=local makes one certificate and one key",
			"give one path in each of TLS_CERT_FILE and TLS_KEY_FILE, or set TLS_MODE=files to serve several pairs of your own"}}
	}
	data, err := os.ReadFile(o.CertFiles[0])
	if err == nil && localca.Foreign(data) {
		return []Fault{{"TLS_CERT_FILE", o.CertFiles[0], "somebody else made the certificate in it, and TLS_MODE=local would replace it",
			"set TLS_MODE=files to serve it, or move it away"}}
	}
	return nil
}
