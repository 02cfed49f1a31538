package tlsconfig

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/localca"
)

// localEvery is how often the development pair's end is looked at.
const localEvery = time.Hour

// local is files whose one pair the development CA of this machine makes and renews. A server name that is not in
// the certificate gets it all the same: the browser then says which names would be right.
type local struct {
	*files
}

func newLocal(o Options) (Source, error) {
	req := localRequest(o)
	res, err := localca.Ensure(req)
	if errors.Is(err, localca.ErrForeign) {
		return nil, fmt.Errorf("%w; set TLS_MODE=files to serve it, or move it away", err)
	}
	if err != nil {
		return newUnsaved(o, err)
	}
	for _, line := range res.Lines(req) {
		o.say(line)
	}
	f, err := newFiles(o)
	if err != nil {
		return nil, err
	}
	return &local{f}, nil
}

// Run renews the pair in time; the files' own loop then takes it up.
func (l *local) Run(ctx context.Context) error {
	go func() {
		ticker := time.NewTicker(localEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				l.ensure()
			}
		}
	}()
	return l.files.Run(ctx)
}

// Reload also makes a new pair if the old one will not do any more.
func (l *local) Reload() {
	l.ensure()
	l.files.Reload()
}

func (l *local) ensure() {
	req := localRequest(l.options)
	res, err := localca.Ensure(req)
	if err != nil {
		l.options.Log.Error("renewing the development certificate", "error", err)
	} else if res.Why != "" {
		l.options.Log.Info("development certificate remade", "why", res.Why, "not_after", res.Leaf.NotAfter)
	}
}

// unsaved serves a development certificate from memory, where there is nowhere to keep one.
type unsaved struct {
	config *tls.Config
	status Status
}

func newUnsaved(o Options, cause error) (Source, error) {
	ca, err := localca.New()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range o.LocalNames {
		if ca.Permits(n) {
			names = append(names, n)
		}
	}
	chain, key, err := ca.Issue(names)
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, err
	}
	o.say(fmt.Sprintf("certificate  not saved, so it changes with each start: %v", cause))
	config, err := serverConfig(o, func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &cert, nil })
	return &unsaved{config, Status{Names: names, Issuer: cert.Leaf.Issuer.CommonName, NotAfter: cert.Leaf.NotAfter,
		Next: "remade at the next start", Error: cause.Error()}}, err
}

func (u *unsaved) TLSConfig() *tls.Config                     { return u.config.Clone() }
func (u *unsaved) HTTPHandler(next http.Handler) http.Handler { return next }
func (u *unsaved) Run(ctx context.Context) error              { <-ctx.Done(); return nil }
func (u *unsaved) Reload()                                    {}
func (u *unsaved) Status() []Status                           { return []Status{u.status} }

func localRequest(o Options) localca.Request {
	return localca.Request{CertFile: o.CertFiles[0], KeyFile: o.KeyFiles[0], CADir: o.LocalCADir, Names: o.LocalNames}
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
