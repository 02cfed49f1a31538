package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"

	"example.com/turnkey/tlsconfig/internal/store"
)

// account is the key of an account at a CA. It is read once, or made once.
type account struct {
	mu      sync.Mutex
	key     *ecdsa.PrivateKey
	unsaved []byte // PEM; nil when it is stored
}

const accountFile = "account.key"

// load reads the key at the first call. It makes one if there is none, or none that can be read. A key that cannot be
// stored is used, and stored later; see keep.
func (a *account) load(ctx context.Context, slot *store.Slot) (*ecdsa.PrivateKey, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.key != nil {
		return a.key, nil
	}
	data, err := slot.Get(ctx, accountFile)
	switch {
	case err == nil:
		if key, err := parseECKey(data); err == nil {
			a.key = key
			return key, nil
		}
		if err := slot.SetAside(ctx, accountFile); err != nil {
			return nil, fmt.Errorf("setting the unreadable account key aside: %w", err)
		}
	case !store.IsMissing(err):
		return nil, fmt.Errorf("reading the account key: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	a.key, a.unsaved = key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := slot.Put(ctx, accountFile, a.unsaved); err == nil {
		a.unsaved = nil
	}
	return key, nil
}

// keep stores a key that could not be stored when it was made.
func (a *account) keep(ctx context.Context, slot *store.Slot) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.unsaved == nil {
		return nil
	}
	err := slot.Put(ctx, accountFile, a.unsaved)
	if err == nil {
		a.unsaved = nil
	}
	return err
}

func parseECKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err == nil && key.Curve != elliptic.P256() {
		err = errors.New("not a P-256 key")
	}
	return key, err
}
