package authority

import (
	"context"
	"crypto/tls"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"example.com/turnkey/tlsconfig/internal/store"
)

// tokenSyntax is what RFC 8555 §8.3 allows in a token, at a length that no CA uses.
var tokenSyntax = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

const (
	tokenFile    = ".alpn"         // after a host: the certificate that answers tls-alpn-01
	tokenSuffix  = "+token"        // the same in autocert's names
	tokenTimeout = 2 * time.Second // for reading it; a CA waits longer
	tokenFresh   = time.Second     // how long the result of a read is kept, also that there is no certificate
)

// tokens are certificates that answer tls-alpn-01 for attempts of other processes. Each is read from the store when a CA
// connects, at most once in tokenFresh for each host. It is safe for concurrent use.
type tokens struct {
	store  *store.Slot
	byHost sync.Map // host → *token
}

type token struct {
	mu   sync.Mutex // held while the store is asked, so that one connection asks for all that come meanwhile
	read time.Time
	cert *tls.Certificate
}

// get returns the certificate for a host's challenge, or nil.
func (s *tokens) get(host string) (*tls.Certificate, error) {
	v, _ := s.byHost.LoadOrStore(host, &token{})
	t := v.(*token)
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.read) < tokenFresh {
		return t.cert, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), tokenTimeout)
	defer cancel()
	data, err := s.store.Get(ctx, host+tokenFile)
	t.read, t.cert = time.Now(), nil
	switch {
	case store.IsMissing(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	pair, err := tls.X509KeyPair(data, data)
	if err == nil {
		t.cert = &pair
	}
	return t.cert, err
}

// attemptCache is the autocert.Cache of one attempt. It keeps the answer to tls-alpn-01 in the store, where other
// processes find it, and nothing else.
type attemptCache struct {
	attempt *attempt
	store   *store.Slot
	fence   int64
}

func (attemptCache) Get(context.Context, string) ([]byte, error) { return nil, autocert.ErrCacheMiss }

// Put ends the attempt if other machines would not find the answer. autocert ignores the error, and the CA would count
// a failed authorization. An attempt that is made because the store is away goes on.
func (c attemptCache) Put(ctx context.Context, name string, data []byte) error {
	host, ok := strings.CutSuffix(name, tokenSuffix)
	if !ok {
		return nil
	}
	err := c.store.Put(ctx, host, tokenFile, data, c.fence)
	if _, sealed := store.IsSealed(err); sealed {
		// An attempt that died has left it, sealed with a key that is gone. It can answer no challenge.
		c.store.Remove(ctx, host+tokenFile)
		err = c.store.Put(ctx, host, tokenFile, data, c.fence)
	}
	if err != nil && c.attempt.permit != nil && c.store.Shared() {
		c.attempt.change(func(s *state) { s.over = err })
	}
	return err
}

func (c attemptCache) Delete(ctx context.Context, name string) error {
	if host, ok := strings.CutSuffix(name, tokenSuffix); ok {
		return c.store.Remove(ctx, host+tokenFile)
	}
	return nil
}
