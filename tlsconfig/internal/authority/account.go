package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/crypto/acme"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
)

const accountFile = "account.key"

// account is the key of the account. All processes that share the store have the same: a CA then gives two that order
// the same certificate at once the same order, and each can answer the other's challenges.
type account struct {
	store *store.Slot

	mu         sync.RWMutex
	key        *ecdsa.PrivateKey // nil before it is read or made
	pem        []byte
	thumbprint string // RFC 7638
}

// load reads the key at the first call. It makes one if there is none, or none that can be read.
func (a *account) load(ctx context.Context) (*ecdsa.PrivateKey, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.key != nil {
		return a.key, nil
	}
	data, err := a.store.Create(ctx, accountFile, cert.KeyPEM(cert.NewKey()),
		func(data []byte) bool { return parseAccount(data) != nil })
	if err != nil {
		return nil, fmt.Errorf("reading the account key: %w", err)
	}
	key := parseAccount(data)
	if a.thumbprint, err = acme.JWKThumbprint(key.Public()); err != nil {
		return nil, err
	}
	a.key, a.pem = key, data
	return key, nil
}

// restore stores the key again if the store has lost it.
func (a *account) restore(ctx context.Context) error {
	a.mu.RLock()
	data := a.pem
	a.mu.RUnlock()
	if data == nil {
		return nil
	}
	kept, err := a.store.Create(ctx, accountFile, data, func([]byte) bool { return true })
	if err == nil && string(kept) != string(data) {
		err = errors.New("ACME_CACHE has another account key than this process; a restart uses that one")
	}
	return err
}

// answer returns what http-01 wants to read for a token (RFC 8555 §8.1). It is empty before the key is read.
func (a *account) answer(token string) string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.thumbprint == "" {
		return ""
	}
	return token + "." + a.thumbprint
}

// parseAccount returns nil for data that is no account key.
func parseAccount(data []byte) *ecdsa.PrivateKey {
	if key, ok := chain.Read(nil, data).Key.(*ecdsa.PrivateKey); ok && key.Curve == elliptic.P256() {
		return key
	}
	return nil
}
