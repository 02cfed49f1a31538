package settings

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"example.com/turnkey/tlsconfig/setting"
)

// readACME reads the settings of the CA and of the store for its certificates.
func (s *Settings) readACME(r *reader) {
	s.ACMEEmail = r.email("ACME_EMAIL")
	s.readDirectory(r)
	s.ACMECAFile = r.text("ACME_CA_FILE", "")
	s.readCache(r)
	s.readCacheKeys(r)
	s.ACMEProfile = r.text("ACME_PROFILE", "")
	s.readRehearsal(r)
	s.readEAB(r)
}

func (s *Settings) readDirectory(r *reader) {
	s.ACMEDirectory = r.text("ACME_DIRECTORY", "production")
	switch s.ACMEDirectory {
	case "production":
		s.ACMEDirectory = setting.ProductionDirectory
	case "staging":
		s.ACMEDirectory = setting.StagingDirectory
	default:
		if !isDirectoryURL(s.ACMEDirectory) {
			r.fault("ACME_DIRECTORY", s.ACMEDirectory, "is not the URL of a directory",
				"set production, staging, or the https URL that your CA documents")
			s.ACMEDirectory = setting.ProductionDirectory
		}
	}
}

func (s *Settings) readCache(r *reader) {
	s.ACMECache = r.text("ACME_CACHE", cmp.Or(r.stateDirectory(), filepath.Join("certs", "acme")))
	if slices.Contains(r.refused, "ACME_CACHE") {
		s.ACMECache = ""
	}
	hasScheme := strings.Contains(s.ACMECache, "://")
	if hasScheme && !storeURL.MatchString(s.ACMECache) || !hasScheme && nearlyURL.MatchString(s.ACMECache) {
		r.fault("ACME_CACHE", s.ACMECache, "is neither a directory nor the URL of a Redis server",
			"write a directory, or a URL such as redis://host:6379/0 (rediss:// for TLS; valkey:// and valkeys:// work too)")
		s.ACMECache = ""
	}
}

// readCacheKeys reads the file with the roots of the store, and the keys that seal what is in it.
func (s *Settings) readCacheKeys(r *reader) {
	s.ACMECacheCAFile = r.text("ACME_CACHE_CA_FILE", "")
	const fix = "make a key with: openssl rand -base64 32 (separate several by commas, the newest first)"
	list := r.text("ACME_CACHE_KEY", "")
	written := strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
	if list != "" && len(written) == 0 { // or else private keys would be kept without a seal
		r.fault("ACME_CACHE_KEY", "", "has commas and no key", fix)
	}
	for i, text := range written {
		data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
		if err != nil || len(data) != len(setting.CacheKey{}) {
			r.fault("ACME_CACHE_KEY", "", fmt.Sprintf("key %d of %d is not 32 bytes in base64", i+1, len(written)), fix)
			continue
		}
		s.ACMECacheKeys = append(s.ACMECacheKeys, setting.CacheKey(data))
	}
}

func (s *Settings) readRehearsal(r *reader) {
	s.ACMERehearsal = r.text("ACME_REHEARSAL", "auto")
	switch {
	case s.ACMERehearsal == "auto":
		s.ACMERehearsal = pick(s.ACMEDirectory == setting.ProductionDirectory, setting.StagingDirectory, "")
	case s.ACMERehearsal == "off":
		s.ACMERehearsal = ""
	case !isDirectoryURL(s.ACMERehearsal) || s.ACMERehearsal == s.ACMEDirectory:
		r.fault("ACME_REHEARSAL", s.ACMERehearsal, "is not the URL of another directory",
			"set auto (Let's Encrypt's staging before its production), off, or the https URL of another CA's ACME directory")
		s.ACMERehearsal = ""
	}
}

// readEAB reads the external account binding (RFC 8555 §7.3.4).
func (s *Settings) readEAB(r *reader) {
	s.EABKeyID = r.text("ACME_EAB_KID", "")
	written := r.text("ACME_EAB_HMAC_KEY", "")
	if (s.EABKeyID == "") != (written == "") {
		missing := pick(s.EABKeyID == "", "ACME_EAB_KID", "ACME_EAB_HMAC_KEY")
		r.fault(missing, "", "is missing, but the other of the two is set",
			"set both ACME_EAB_KID and ACME_EAB_HMAC_KEY as your CA gave them, or neither")
	}
	urlSafe := strings.NewReplacer("+", "-", "/", "_").Replace(written)
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(urlSafe, "="))
	if err != nil {
		r.fault("ACME_EAB_HMAC_KEY", "", "is not base64",
			"copy it again from your CA: it has letters, digits, - and _ only")
	}
	s.EABKey = key
}

func isDirectoryURL(v string) bool {
	u, err := url.Parse(v)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" &&
		forbidden(strings.ReplaceAll(u.Hostname(), ":", "")) == 0 // the colons are those of an IPv6 address
}

var (
	storeURL = regexp.MustCompile(`^(rediss?|valkeys?)://`)
	// nearlyURL matches what is probably a misspelt URL of a store, and not a folder: redis:host, redis//host,
	// user:password@host, :password@host, host:6379.
	nearlyURL = regexp.MustCompile(`^((?i:rediss?|valkeys?)(:|//)` +
		`|[^/.~\\][^/\\]*:.*@|:|(//)?[^/\\]+:[0-9]{2,5}(/[0-9]{0,3})?$)`)
)
