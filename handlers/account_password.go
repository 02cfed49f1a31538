package handlers

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"

	"example.com/turnkey/app/kit"
)

// hashes makes and compares hashes of passwords: argon2id, as OWASP recommends. One takes 19 MiB and some 30 ms, so
// there are at most as many at once as processors. One more is answered 503, and all other pages stay fast.
type hashes struct{ slots chan struct{} }

const (
	hashMemory = 19 << 10 // KiB
	hashTime   = 2        // passes
	saltBytes  = 16
	hashFormat = "m=%d,t=%d,p=1"
)

func newHashes() hashes { return hashes{make(chan struct{}, runtime.GOMAXPROCS(0))} }

// of returns the hash of a password, with its salt and parameters: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH.
func (h hashes) of(password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	sum, err := h.sum(password, salt, hashTime, hashMemory)
	return strings.Join([]string{"", "argon2id", fmt.Sprintf("v=%d", argon2.Version), fmt.Sprintf(hashFormat, hashMemory, hashTime),
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)}, "$"), err
}

// match reports whether password is that of u. It takes as long, and answers false, for a user who does not exist (nil)
// or has no password yet.
func (h hashes) match(u *user, password string) (bool, error) {
	if u == nil || u.Hash == "" {
		_, err := h.sum(password, make([]byte, saltBytes), hashTime, hashMemory)
		return false, err
	}
	part := strings.Split(u.Hash, "$")
	if len(part) != 6 || part[1] != "argon2id" {
		return false, fmt.Errorf("the hash of a password has %d parts, not 6, or is not of argon2id", len(part))
	}
	var memory, time uint32
	_, err := fmt.Sscanf(part[3], hashFormat, &memory, &time)
	salt, saltErr := base64.RawStdEncoding.DecodeString(part[4])
	want, wantErr := base64.RawStdEncoding.DecodeString(part[5])
	if err := cmp.Or(err, saltErr, wantErr); err != nil {
		return false, fmt.Errorf("reading the hash of a password: %w", err)
	}
	sum, err := h.sum(password, salt, time, memory)
	return err == nil && subtle.ConstantTimeCompare(sum, want) == 1, err
}

func (h hashes) sum(password string, salt []byte, time, memory uint32) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
		return argon2.IDKey([]byte(password), salt, time, memory, 1, 32), nil
	default:
		return nil, kit.Status(http.StatusServiceUnavailable, "too many passwords to compare at once")
	}
}
