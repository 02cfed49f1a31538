package local

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/localca"
)

// memory serves a development certificate that could not be saved.
type memory struct {
	options Options
	config  *tls.Config
	ca      *localca.CA
	names   []string // at the start
	cause   error    // why it could not be saved
	current atomic.Pointer[tls.Certificate]
}

// newMemory signs with the CA that the browsers know, if at least that one can be read.
func newMemory(o Options, names []string, cause error) (Source, error) {
	ca, saved, err := localca.OpenAnyway(o.CADir)
	if err != nil {
		return nil, err
	}
	m := &memory{options: o, ca: ca, names: names, cause: cause}
	if err := m.issue(names); err != nil {
		return nil, err
	}
	changes := "it changes with each start"
	if !saved {
		changes += ", and so does its CA, so no browser can trust it"
	}
	o.Say(fmt.Sprintf("certificate  not saved: %s: %v", changes, cause))
	o.Say("             to keep it, make that folder writable, " +
		"or set TLS_CERT_FILE and TLS_KEY_FILE to files in one that is")
	m.config = o.ClientCAs.ServerConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return m.current.Load(), nil
	})
	return m, nil
}

// issue signs a certificate for those of names that the CA may sign for.
func (m *memory) issue(names []string) error {
	permitted := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !m.ca.Permits(name) })
	chain, key, err := m.ca.Issue(permitted)
	if err != nil {
		return err
	}
	c, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return err
	}
	m.current.Store(&c)
	return nil
}

func (m *memory) TLSConfig() *tls.Config { return m.options.ClientCAs.Live(m.config.Clone()) }

func (m *memory) HTTPHandler(next http.Handler) http.Handler { return next }

func (m *memory) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { m.options.ClientCAs.Run(ctx) })
	watch(ctx, m.options.Names, m.names, m.remake)
	return nil
}

func (m *memory) Reload() {
	m.options.ClientCAs.Reload()
	m.remake(m.options.Names())
}

func (m *memory) remake(names []string) {
	old := cert.Names(m.current.Load())
	if err := m.issue(names); err != nil {
		m.options.Log.Error("renewing the development certificate; the old one stays", "error", err)
	} else if now := m.current.Load(); !slices.Equal(cert.Names(now), old) {
		m.options.Log.Info("development certificate remade", "why", "the names changed", "not_after", now.Leaf.NotAfter)
	}
}

func (m *memory) Status() []cert.Status {
	c := m.current.Load()
	return []cert.Status{{Names: cert.Names(c), Issuer: c.Leaf.Issuer.CommonName, NotAfter: c.Leaf.NotAfter,
		Next: "remade at the next start", Error: m.cause.Error()}}
}
