package setting

import (
	"crypto/sha256"
	"encoding/hex"
)

// CacheKey is a key of ACME_CACHE_KEY, for AES-256. It prints as its ID, because the key is a secret.
type CacheKey [32]byte

// ID names the key in messages and in front of each value that it seals. It tells nothing of the key.
func (k CacheKey) ID() string {
	sum := sha256.Sum256(append([]byte("ACME_CACHE_KEY "), k[:]...))
	return hex.EncodeToString(sum[:4])
}

func (k CacheKey) String() string   { return k.ID() }
func (k CacheKey) GoString() string { return k.ID() }
