package tlsconfig

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
)

// clientCAs are the CAs that client certificates are verified against. Their file is read again while the server runs, so
// that an operator can change CAs without a restart. nil: no client certificates are asked for.
type clientCAs struct {
	file   string
	log    *slog.Logger
	pool   atomic.Pointer[x509.CertPool]
	wake   chan struct{}
	served [32]byte // content that pool came from
	seen   [32]byte // content at the last look
	said   string   // why the present content is not used
}

func newClientCAs(file string, log *slog.Logger) (*clientCAs, error) {
	if file == "" {
		return nil, nil
	}
	pool, sum, err := readClientCAs(file)
	if err != nil {
		return nil, err
	}
	c := &clientCAs{file: file, log: log, wake: make(chan struct{}, 1), served: sum, seen: sum}
	c.pool.Store(pool)
	return c, nil
}

// live makes config verify clients against the CAs at the time of each handshake. GetConfigForClient must return a complete
// configuration, so it returns a copy of config, made at the first handshake, when config's owner has finished it. The copy
// uses the session ticket keys of config. crypto/tls verifies the client's chain again at a resumption, against the pool of
// the copy, so a client cannot resume after its CA was removed.
func (c *clientCAs) live(config *tls.Config) *tls.Config {
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

// run reads the file until ctx is done, as often as certificate files are read.
func (c *clientCAs) run(ctx context.Context) {
	if c == nil {
		return
	}
	ticker := time.NewTicker(filesPoll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.look(false)
		case <-c.wake:
			c.look(true)
		}
	}
}

// reload makes run read the file at once.
func (c *clientCAs) reload() {
	if c == nil {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // one is under way
	}
}

// look reads the file, and serves CAs that are new and usable. It waits until two reads in a row are equal, because a file that
// is still being written could look like a shorter one. now skips this wait.
func (c *clientCAs) look(now bool) {
	pool, sum, err := readClientCAs(c.file)
	stable := sum == c.seen
	c.seen = sum
	log := c.log.With("setting", "TLS_CLIENT_CA_FILE", "file", c.file)
	switch {
	case err == nil && sum == c.served:
		if c.said != "" {
			log.Info("the client CAs' file is as before")
		}
		c.said = ""
	case !stable && !now:
	case err != nil:
		if err.Error() != c.said {
			c.said = err.Error()
			log.Error("the client CAs in the file are not usable; the old ones stay", "error", err)
		}
	default:
		c.pool.Store(pool)
		c.served, c.said = sum, ""
		log.Info("client CAs replaced; clients whose certificates they did not sign are refused")
	}
}

// readClientCAs reads a file of CA certificates whole, or says what in it is not one. The sum stands for what was read.
func readClientCAs(file string) (pool *x509.CertPool, sum [32]byte, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		err = plainError(err)
		return nil, sha256.Sum256([]byte(err.Error())), err
	}
	pool, err = parseClientCAs(data, time.Now())
	return pool, sha256.Sum256(data), err
}

// parseClientCAs accepts only CA certificates, and wants at least one that has not expired. crypto/x509 would skip the others
// without a word, and the operator would believe that they are trusted.
func parseClientCAs(data []byte, now time.Time) (*x509.CertPool, error) {
	file := chain.Parse(data)
	certs, problems := file.Certificates()
	if len(problems) > 0 {
		return nil, verdict{Faults: problems}.Err()
	}
	if file.HoldsKey() {
		return nil, errors.New("holds a private key beside the certificates")
	}
	pool, valid := x509.NewCertPool(), false
	var expired time.Time // the last one
	for i, ca := range certs {
		// Certificates of version 1 have no constraints, and its roots are CAs.
		signs := ca.KeyUsage == 0 || ca.KeyUsage&x509.KeyUsageCertSign != 0
		if ca.Version >= 3 && !(ca.BasicConstraintsValid && ca.IsCA && signs) {
			return nil, fmt.Errorf("certificate %d in it, of %q, is not a CA certificate", i+1, ca.Subject.String())
		}
		if now.After(ca.NotAfter) {
			expired = ca.NotAfter
		} else {
			valid = true
		}
		pool.AddCert(ca)
	}
	if !valid {
		return nil, fmt.Errorf("every CA in it has expired, the last one on %s", expired.UTC().Format(time.RFC3339))
	}
	return pool, nil
}
