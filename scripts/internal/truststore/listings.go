package truststore

import (
	"regexp"
	"strings"
)

var (
	keychainHash  = regexp.MustCompile(`SHA-1 hash: ([0-9A-F]{40})`)
	certstoreHash = regexp.MustCompile(`\(sha1\)\s*:?\s*((?:[0-9a-fA-F]{2} ?){20})`)
)

func keychainHashes(listing string) (hashes []string) {
	for _, m := range keychainHash.FindAllStringSubmatch(listing, -1) {
		hashes = append(hashes, m[1])
	}
	return hashes
}

// certstoreHashes relies on nothing in a listing that is in the language of Windows: only on "(sha1)", on names, and on
// the lines of equal signs between certificates.
func certstoreHashes(listing string) (hashes []string) {
	for _, part := range strings.Split(listing, "================") {
		if m := certstoreHash.FindStringSubmatch(part); m != nil && strings.Contains(part, "CN="+NamePrefix) {
			hashes = append(hashes, strings.ToLower(strings.ReplaceAll(m[1], " ", "")))
		}
	}
	return hashes
}

// declined returns Blocked for a "no" to a dialog, and where no user could be asked.
func declined(err error, next string) error {
	for _, sign := range []string{
		"canceled by the user", "no user interaction was possible", "User interaction is not allowed", // macOS
		"0x800704c7", // Windows: ERROR_CANCELLED
	} {
		if err != nil && strings.Contains(err.Error(), sign) {
			return &Blocked{"the dialog was not confirmed", next}
		}
	}
	return err
}
