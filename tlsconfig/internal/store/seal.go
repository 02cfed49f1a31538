package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"strings"

	"example.com/turnkey/tlsconfig/setting"
)

// A sealed value begins with sealPrefix, the ID of its key and a colon. Then come a nonce and what AES-256-GCM made of
// the data (NIST SP 800-38D). No PEM file and no JSON begins so.
const (
	sealPrefix = "sealed:v1:"
	idLength   = 8
)

// SealedError is the error for a value that cannot be opened. It is neither overwritten nor set aside.
type SealedError struct {
	File string
	ID   string // of the key that sealed it
	Held bool   // the key is there, and the value was damaged, or copied from another name
}

func (e *SealedError) Error() string {
	if e.Held {
		return fmt.Sprintf("%s in ACME_CACHE, sealed with the key %s, is damaged, or a copy of another value",
			e.File, e.ID)
	}
	return fmt.Sprintf("%s in ACME_CACHE is sealed with the key %s, which ACME_CACHE_KEY does not have", e.File, e.ID)
}

// Advice returns what to do about it.
func (e *SealedError) Advice() string {
	if e.Held {
		return "restore the value from a backup, or remove it: the server then makes or orders a new one"
	}
	return "write the key with this id into ACME_CACHE_KEY, after the newest, and restart; if it is lost, remove what " +
		"it sealed from ACME_CACHE: a new account is made, and new certificates are ordered"
}

// IsSealed returns the SealedError in err, if there is one.
func IsSealed(err error) (*SealedError, bool) { return errors.AsType[*SealedError](err) }

// seals are the keys of ACME_CACHE_KEY, the newest first. Without one nothing is sealed.
type seals []sealer

type sealer struct {
	id   string
	aead cipher.AEAD
}

func newSeals(keys []setting.CacheKey) (s seals) {
	for _, key := range keys {
		block, _ := aes.NewCipher(key[:]) // its length is in its type
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			panic(err)
		}
		s = append(s, sealer{key.ID(), aead})
	}
	return s
}

// seal returns data as it is stored under a name.
func (s seals) seal(name string, data []byte) []byte {
	if len(s) == 0 {
		return data
	}
	head := []byte(sealPrefix + s[0].id + ":")
	return s[0].aead.Seal(head, nil, data, bound(name))
}

// open returns the data of a stored value. A value that is not sealed is its own data.
func (s seals) open(name string, value []byte) ([]byte, error) {
	id, sealed := sealID(value)
	if !sealed {
		return value, nil
	}
	_, file, _ := strings.Cut(name, "/")
	fault := &SealedError{File: file, ID: id}
	for _, key := range s {
		if key.id != id {
			continue
		}
		fault.Held = true
		rest := value[min(len(sealPrefix)+idLength+1, len(value)):]
		if data, err := key.aead.Open(nil, nil, rest, bound(name)); err == nil {
			return data, nil
		}
	}
	return nil, fault
}

// sealID returns the ID of the key that sealed a value.
func sealID(value []byte) (id string, sealed bool) {
	rest, sealed := strings.CutPrefix(string(value[:min(len(sealPrefix)+idLength, len(value))]), sealPrefix)
	return strings.Map(hexDigit, rest), sealed
}

// hexDigit drops everything but hexadecimal digits, for a message.
func hexDigit(r rune) rune {
	if '0' <= r && r <= '9' || 'a' <= r && r <= 'f' {
		return r
	}
	return '?'
}

// bound is the additional data of a value: its whole name, so that values cannot be exchanged. A value that is set
// aside keeps the name that it had.
func bound(name string) []byte { return []byte(strings.TrimSuffix(name, asideSuffix)) }

// current reports whether a value is sealed with the newest key, or unsealed if there is none.
func (s seals) current(value []byte) bool {
	if len(s) == 0 {
		return true
	}
	id, sealed := sealID(value)
	return sealed && id == s[0].id
}

// Reseal writes a file again if it is unsealed, or sealed with another key than the newest. name is that of the lock.
// The file stays as it is if another process has the lock, or the store cannot be written.
func (s *Slot) Reseal(ctx context.Context, name, suffix string) {
	if len(s.seals) == 0 {
		return
	}
	if value, err := s.raw(ctx, name+suffix); err != nil || s.seals.current(value) {
		return
	}
	l, err := s.Lock(ctx, name)
	if err != nil {
		return
	}
	defer l.Unlock(ctx)
	if data, err := s.Get(ctx, name+suffix); err == nil { // it may have changed meanwhile
		s.Put(ctx, name, suffix, data, l.Fence())
	}
}

// Survey is how the values of some files are kept.
type Survey struct {
	Unsealed, Older int          // values without a seal, and with that of an older key
	Closed          *SealedError // the first that cannot be opened; nil: none
}

// Survey reads files. Those that are missing are left out.
func (s *Slot) Survey(ctx context.Context, files []string) (out Survey, _ error) {
	for _, file := range files {
		value, err := s.raw(ctx, file)
		if IsMissing(err) {
			continue
		}
		if err != nil {
			return out, err
		}
		if _, err := s.seals.open(s.key(file), value); err != nil {
			closed, _ := IsSealed(err)
			return Survey{Closed: closed}, nil
		}
		switch _, sealed := sealID(value); {
		case s.seals.current(value):
		case sealed:
			out.Older++
		default:
			out.Unsealed++
		}
	}
	return out, nil
}
