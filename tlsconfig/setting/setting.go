// Package setting has the types for settings of certificates, without the code that makes certificates. A package that
// reads the environment can use it without linking autocert or gin.
package setting

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Mode says where certificates come from.
type Mode string

const (
	Local Mode = "local" // PEM files that a development CA of this machine makes
	ACME  Mode = "acme"  // an ACME CA (RFC 8555), Let's Encrypt's by default
	Files Mode = "files" // PEM files that another program makes and renews
	Proxy Mode = "proxy" // none: TLS ends at a proxy in front
)

// Directories of Let's Encrypt.
const (
	ProductionDirectory = "https://acme-v02.api.letsencrypt.org/directory"
	StagingDirectory    = "https://acme-staging-v02.api.letsencrypt.org/directory"
)

// publicCAs are the domains of CAs that browsers trust, so that the Baseline Requirements bind them.
var publicCAs = []string{"letsencrypt.org", "zerossl.com", "pki.goog", "ssl.com", "buypass.com"}

// IsPublicCA reports whether a directory belongs to one of publicCAs.
func IsPublicCA(directory string) bool {
	u, err := url.Parse(directory)
	return err == nil && slices.ContainsFunc(publicCAs, func(domain string) bool {
		return strings.HasSuffix("."+strings.ToLower(u.Hostname()), "."+domain)
	})
}

// Fault is one thing wrong with a setting, and what to do about it.
type Fault struct {
	Setting string // name of the environment variable
	Value   string // as given; left out of messages when empty
	Problem string
	Fix     string
}

// Error is the fault in one line.
func (f Fault) Error() string {
	value := ""
	if f.Value != "" {
		value = fmt.Sprintf("=%q", f.Value)
	}
	return fmt.Sprintf("%s%s: %s (fix: %s)", f.Setting, value, f.Problem, f.Fix)
}

// Redacted returns a setting's value as it may be shown. Of a URL with a user or password it keeps the scheme, and a
// host that cannot be a part of the password. A parsed URL is not enough: for a URL parser a / or # in the password
// ends the host, and the rest of the password looks like a path. A value that is not a URL stays as it is.
func Redacted(value string) string {
	scheme, rest, ok := strings.Cut(value, "://")
	if !ok {
		if i := strings.LastIndexByte(value, '@'); i >= 0 && strings.Contains(value[:i], ":") &&
			!strings.HasPrefix(value, "mailto:") { // user:password@host
			return "…"
		}
		if storeScheme.MatchString(value) { // redis:password
			return strings.SplitN(value, ":", 2)[0] + ":…"
		}
		return value
	}
	i := strings.LastIndexByte(rest, '@')
	switch {
	case strings.ContainsAny(scheme, "@:"):
		return "…"
	case i < 0 && strings.HasPrefix(strings.TrimLeft(scheme, "\"'`"), "http"), i < 0 && plainHost.MatchString(rest):
		return value
	case i >= 0 && plainHost.MatchString(rest[i+1:]):
		return scheme + "://…@" + rest[i+1:]
	}
	return scheme + "://…"
}

var (
	storeScheme = regexp.MustCompile(`^["']?(?i:rediss?|valkeys?):`)
	plainHost   = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[0-9]{0,3})?["']?$`)
)

// CacheKey is a key of ACME_CACHE_KEY, for AES-256. It prints as its ID, because the key is a secret.
type CacheKey [32]byte

// ID names the key in messages and in front of each value that it seals. The key cannot be computed from it.
func (k CacheKey) ID() string {
	sum := sha256.Sum256(append([]byte("ACME_CACHE_KEY "), k[:]...))
	return hex.EncodeToString(sum[:4])
}

func (k CacheKey) String() string   { return k.ID() }
func (k CacheKey) GoString() string { return k.ID() }
