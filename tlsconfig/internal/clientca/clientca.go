// Package clientca makes the TLS configuration that every source of certificates starts from, and verifies client
// certificates against CAs whose file may change while the server runs.
package clientca

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/osfile"
	"example.com/turnkey/tlsconfig/setting"
)

// CAs are the CAs that client certificates are verified against. The server reads their file again while it runs, so
// that an operator can change CAs without a restart. A nil *CAs asks for no client certificates.
type CAs struct {
	file    string
	log     *slog.Logger
	pool    atomic.Pointer[x509.CertPool]
	poll    osfile.Poller
	served  [32]byte // hash of the content that pool came from
	seen    [32]byte // hash of the content at the last look
	problem string   // why the present content is not used; empty: it is used
}

// Open reads the file of TLS_CLIENT_CA_FILE. Without a file it returns nil.
func Open(file string, log *slog.Logger) (*CAs, error) {
	if file == "" {
		return nil, nil
	}
	pool, sum, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("TLS_CLIENT_CA_FILE %s: %w", file, err)
	}
	c := &CAs{file: file, log: log, poll: make(osfile.Poller, 1), served: sum, seen: sum}
	c.pool.Store(pool)
	return c, nil
}

// Check returns the fault of the file. It is nil for a good one, and if there is none.
func Check(file string) *setting.Fault {
	if file == "" {
		return nil
	}
	_, _, err := read(file)
	if err == nil {
		return nil
	}
	return &setting.Fault{Setting: "TLS_CLIENT_CA_FILE", Value: file, Problem: err.Error(),
		Fix: "give a PEM file with the certificates of the CAs that sign your clients' certificates, " +
			"and nothing else"}
}

// ServerConfig returns the part of the configuration that every source shares. Versions, cipher suites and groups are
// those of crypto/tls: a list here would miss its next improvement.
func (c *CAs) ServerConfig(get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	config := &tls.Config{GetCertificate: get, NextProtos: []string{"h2", "http/1.1"}}
	if c != nil {
		config.ClientCAs = c.pool.Load()
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config
}

// Live makes config verify clients against the CAs at the time of each handshake, and returns it.
//
// GetConfigForClient must return a complete configuration, so it returns a copy of config. The copy is made at the
// first handshake, when the owner of config has finished it, and uses the session ticket keys of config. At a
// resumption crypto/tls verifies the client's chain again, against the pool of the copy. So a client cannot resume
// after its CA was removed.
func (c *CAs) Live(config *tls.Config) *tls.Config {
	if c == nil {
		return config
	}
	var current atomic.Pointer[tls.Config]
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		pool, now := c.pool.Load(), current.Load()
		if now == nil || now.ClientCAs != pool {
			now = config.Clone()
			now.GetConfigForClient, now.ClientCAs = nil, pool
			current.Store(now)
		}
		return now, nil
	}
	return config
}

// Run reads the file again and again until ctx is done.
func (c *CAs) Run(ctx context.Context) {
	if c != nil {
		c.poll.Run(ctx, c.look)
	}
}

// Reload makes Run read the file at once.
func (c *CAs) Reload() {
	if c != nil {
		c.poll.Wake()
	}
}

// look reads the file, and uses CAs that are new and usable. It waits until two reads in a row are equal, because a
// file that is still being written may look like a shorter list. now skips this wait.
func (c *CAs) look(now bool) {
	pool, sum, err := read(c.file)
	stable := sum == c.seen
	c.seen = sum
	log := c.log.With("setting", "TLS_CLIENT_CA_FILE", "file", c.file)
	switch {
	case err == nil && sum == c.served:
		if c.problem != "" {
			log.Info("the file of client CAs has its earlier content again")
		}
		c.problem = ""
	case !stable && !now:
	case err != nil:
		if err.Error() != c.problem {
			c.problem = err.Error()
			log.Error("the client CAs in the file are not usable; the old ones stay", "error", err)
		}
	default:
		c.pool.Store(pool)
		c.served, c.problem = sum, ""
		log.Info("client CAs replaced; clients whose certificates they did not sign are refused")
	}
}

// read reads a file of CA certificates. The error says what in it is not one. The sum identifies what was read.
func read(file string) (pool *x509.CertPool, sum [32]byte, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, sum, osfile.Cause(err)
	}
	pool, err = parse(data, time.Now())
	return pool, sha256.Sum256(data), err
}

// parse accepts only CA certificates, and at least one that has not expired. crypto/x509 would skip any other block
// without an error, and the operator would believe that it is trusted.
func parse(data []byte, now time.Time) (*x509.CertPool, error) {
	file := chain.Parse(data)
	certs, problems := file.Certificates()
	if len(problems) > 0 {
		return nil, chain.Verdict{Faults: problems}.Err()
	}
	if file.HoldsKey() {
		return nil, errors.New("holds a private key beside the certificates")
	}
	pool := x509.NewCertPool()
	var last time.Time // end of the CA that lasts longest
	for i, ca := range certs {
		// Certificates of version 1 have no constraints, and its roots are CAs.
		signs := ca.KeyUsage == 0 || ca.KeyUsage&x509.KeyUsageCertSign != 0
		if ca.Version >= 3 && !(ca.BasicConstraintsValid && ca.IsCA && signs) {
			return nil, fmt.Errorf("certificate %d in it, of %q, is not a CA certificate", i+1, ca.Subject.String())
		}
		if ca.NotAfter.After(last) {
			last = ca.NotAfter
		}
		pool.AddCert(ca)
	}
	if now.After(last) {
		return nil, fmt.Errorf("every CA in it has expired, the last one on %s", last.UTC().Format(time.RFC3339))
	}
	return pool, nil
}
