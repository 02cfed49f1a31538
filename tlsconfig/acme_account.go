package tlsconfig

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
)

// accountKey is an authority's account: read once, or made once.
type accountKey struct {
	mu      sync.Mutex
	key     *ecdsa.PrivateKey
	unsaved []byte // PEM; nil when kept
}

const accountFile = "account.key"

func (k *accountKey) load(ctx context.Context, store *corner) (*ecdsa.PrivateKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key != nil {
		return k.key, nil
	}
	data, err := store.get(ctx, accountFile)
	if err == nil {
		key, err := parseECKey(data)
		if err == nil {
			k.key = key
			return key, nil
		}
		if err := store.setAside(ctx, accountFile); err != nil {
			return nil, fmt.Errorf("setting the unreadable account key aside: %w", err)
		}
	} else if !isMissing(err) {
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
	k.key, k.unsaved = key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := store.put(ctx, accountFile, k.unsaved); err == nil {
		k.unsaved = nil
	}
	return key, nil
}

// keep writes a key that could not be written when it was made.
func (k *accountKey) keep(ctx context.Context, store *corner) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.unsaved == nil {
		return nil
	}
	err := store.put(ctx, accountFile, k.unsaved)
	if err == nil {
		k.unsaved = nil
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
