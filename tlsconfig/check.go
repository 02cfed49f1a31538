package tlsconfig

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"example.com/turnkey/tlsconfig/internal/acme"
	"example.com/turnkey/tlsconfig/internal/clientca"
	"example.com/turnkey/tlsconfig/internal/files"
	"example.com/turnkey/tlsconfig/internal/local"
	"example.com/turnkey/tlsconfig/setting"
)

// Fault is one thing wrong with a setting, and what to do about it.
type Fault = setting.Fault

// Redacted returns a setting's value as it may be shown: a URL without its user and password.
func Redacted(value string) string { return setting.Redacted(value) }

// Check returns every fault that prevents a start. It opens no connection and changes nothing.
func Check(o Options) []Fault {
	var faults []Fault
	switch o.Mode {
	case Local:
		faults = local.Check(o.CertFiles, o.KeyFiles)
	case ACME:
		faults = o.acme().Check()
	case Files:
		faults = files.Check(o.files(nil))
	}
	if fault := clientca.Check(o.ClientCAFile); fault != nil {
		faults = append(faults, *fault)
	}
	return faults
}

// Inspect returns the faults of Check and, beyond those, an answer of a Redis server in ACME_CACHE that would prevent
// an order. Notes are what an operator should know though it is no fault: that an earlier attempt failed, that others
// can read a key, or that the store cannot be reached, which may start later. A start does without Inspect, because it
// may take seconds.
func Inspect(o Options) (faults []Fault, notes []string) {
	faults = Check(o)
	switch o.Mode {
	case ACME:
		more, notes := o.acme().Inspect()
		return append(faults, more...), notes
	case Files:
		return faults, files.Notes(o.files(nil))
	}
	return faults, nil
}

// CertNames returns the names in the leaf certificates of PEM files, in order and each once. Files that cannot be read
// have none.
func CertNames(certFiles, keyFiles []string) []string { return files.CertNames(certFiles, keyFiles) }

func (o Options) acme() acme.Settings {
	return acme.Settings{Domains: o.Domains, Directory: o.Directory, CAFile: o.CAFile, Cache: o.CacheDir}
}

// fingerprint identifies the settings that decide whether an order can succeed.
func (o Options) fingerprint() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{o.Directory, o.Rehearsal, o.CAFile, o.Email, o.EABKeyID,
		string(o.EABKey), o.Profile, fmt.Sprint(o.PlainPort)}))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
