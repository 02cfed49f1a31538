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
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"example.com/turnkey/app/kit"
)

// hashes makes and compares hashes of passwords: argon2id, as OWASP recommends. One takes 19 MiB and some 30 ms, so at
// most one for each processor runs at a time. Another one waits, and is answered 503 after hashWait, so that all other
// pages stay fast.
type hashes struct{ slots chan struct{} }

const (
	hashMemory = 19 << 10 // KiB
	hashTime   = 2        // passes
	saltBytes  = 16
	hashWait   = 2 * time.Second
	hashFormat = "m=%d,t=%d,p=1"
)

// hashBegin begins each hash that is made with the parameters above.
var hashBegin = fmt.Sprintf("$argon2id$v=%d$"+hashFormat+"$", argon2.Version, hashMemory, hashTime)

func newHashes() hashes { return hashes{make(chan struct{}, runtime.GOMAXPROCS(0))} }

// of returns the hash of a password, with its salt and parameters: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH.
func (h hashes) of(password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	sum, err := h.sum(password, salt, hashTime, hashMemory)
	if err != nil {
		return "", err
	}
	return hashBegin + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(sum), nil
}

// match reports whether password is that of u. For a user who does not exist (nil) or has no password yet, it takes the
// same time and returns false.
func (h hashes) match(u *user, password string) (bool, error) {
	if u == nil || u.Hash == "" {
		_, err := h.sum(password, make([]byte, saltBytes), hashTime, hashMemory)
		return false, err
	}
	part := strings.Split(u.Hash, "$")
	if len(part) != 6 || part[1] != "argon2id" {
		return false, fmt.Errorf("the hash of a password has %d parts, not 6, or is not of argon2id", len(part))
	}
	var memory, passes uint32
	_, err := fmt.Sscanf(part[3], hashFormat, &memory, &passes)
	salt, saltErr := base64.RawStdEncoding.DecodeString(part[4])
	want, wantErr := base64.RawStdEncoding.DecodeString(part[5])
	if err := cmp.Or(err, saltErr, wantErr); err != nil {
		return false, fmt.Errorf("reading the hash of a password: %w", err)
	}
	sum, err := h.sum(password, salt, passes, memory)
	return err == nil && subtle.ConstantTimeCompare(sum, want) == 1, err
}

// sum hashes é alike, whether a keyboard writes it as one character or as two (RFC 8265 §4.2.2).
func (h hashes) sum(password string, salt []byte, passes, memory uint32) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
		return argon2.IDKey(norm.NFC.Bytes([]byte(password)), salt, passes, memory, 1, 32), nil
	case <-time.After(hashWait):
		return nil, kit.Status(http.StatusServiceUnavailable, "too many passwords to compare at once")
	}
}
