// Package tlsconfig turns a few settings into certificates for a listener: PEM files in development, an ACME CA in
// production, files that another program renews, or nothing at all behind a proxy.
//
// It reads no environment. Its messages have the names of settings because those are what a reader can change. The
// folders in internal have a package for each kind of source, and what they share.
package tlsconfig

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"

	"example.com/turnkey/tlsconfig/internal/acme"
	"example.com/turnkey/tlsconfig/internal/authority"
	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/clientca"
	"example.com/turnkey/tlsconfig/internal/files"
	"example.com/turnkey/tlsconfig/internal/local"
	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/localca"
	"example.com/turnkey/tlsconfig/setting"
)

// Options are the settings. The comment of each says what its zero value means.
type Options struct {
	Mode    Mode     // required
	Domains []string // ASCII, lower case; the first is canonical. Required for ACME

	// PEM pairs for Files, one for Local. Equal in number.
	CertFiles, KeyFiles []string

	// Prod refuses a development certificate. Files only.
	Prod bool

	// ClientCAFile makes client certificates required and names the CAs that may sign them. Empty: none asked for.
	ClientCAFile string

	// LocalNames are those of the development certificate. It is asked every few seconds, since a laptop's addresses
	// change. LocalCADir is where its CA is kept. LocalOwner owns what is made; nil: the user who runs this. Local
	// only.
	LocalNames func() []string
	LocalCADir string
	LocalOwner *localca.Owner

	// ACME only.
	Email     string     // contact of the account; empty: none
	Directory string     // URL of the CA's directory; required
	CAFile    string     // PEM roots to trust for the directory's own HTTPS; empty: the system's
	CacheDir  string     // keeps keys and certificates: a directory, or the URL of Redis or Valkey; required
	CacheCA   string     // PEM roots to trust for a Redis or Valkey server with TLS; empty: the system's
	CacheKeys []CacheKey // that what is kept in CacheDir is sealed with, the newest first; empty: it is not sealed
	Rehearsal string     // directory at which a first order, and one after a failure, is tried beforehand; empty: none
	Profile   string     // of the certificate, from those the directory lists; empty: the CA's default
	PlainPort bool       // port 80 is open, for http-01
	EABKeyID  string     // external account binding (RFC 8555 §7.3.4); empty: none
	EABKey    []byte

	Log   *slog.Logger      // required
	Say   func(line string) // gets what a developer should read at the start; required for Local
	Alarm func(line string) // gets what a developer must not overlook, at any time; required for Local

	// Notify is called after a certificate was obtained or renewed and after an attempt failed, each time in a new
	// goroutine. nil: nothing is called.
	Notify func(Event)
}

// Source is what a listener needs to know of certificates. *autocert.Manager has the first two methods. All methods are
// safe for concurrent use.
type Source interface {
	// TLSConfig returns a new configuration whose certificates are answered from memory. It is nil in proxy mode.
	TLSConfig() *tls.Config
	// HTTPHandler answers ACME http-01 challenges (RFC 8555 §8.3) and hands everything else to next.
	HTTPHandler(next http.Handler) http.Handler
	// Run renews certificates until ctx is done. It returns nil then, and an error only if it cannot go on.
	Run(ctx context.Context) error
	// Reload makes Run do at once what it does periodically: read files again, or retry a failed order.
	Reload()
	// Status describes every certificate, the canonical host's first.
	Status() []Status
	// Secret returns bytes that only the processes of this site know, to derive keys from. It may wait for a store, five
	// seconds at most. It is nil if there is none.
	Secret(ctx context.Context) []byte
}

// Mode says where certificates come from.
type Mode = setting.Mode

const (
	Local Mode = setting.Local // PEM files that a development CA of this machine makes
	ACME  Mode = setting.ACME  // an ACME CA (RFC 8555), Let's Encrypt's by default
	Files Mode = setting.Files // PEM files that another program makes and renews
	Proxy Mode = setting.Proxy // none: TLS ends at a proxy in front
)

// Status is the state of one certificate.
type Status = cert.Status

// Event is one thing that happened to one certificate, for alarms.
type Event = cert.Event

// EventKind says what happened to a certificate.
type EventKind = cert.EventKind

const (
	Obtained EventKind = cert.Obtained
	Renewed  EventKind = cert.Renewed
	Failed   EventKind = cert.Failed
)

// Problem is what a CA said went wrong (RFC 8555 §6.7), in its own words. It is in Event.Err.
type Problem = cert.Problem

// New opens the source for a mode. Options without a fault in Check can still fail here: files may have changed since,
// and Local makes its pair now.
func New(o Options) (Source, error) {
	clients, err := clientca.Open(o.ClientCAFile, o.Log)
	if err != nil {
		return nil, err
	}
	switch o.Mode {
	case Local:
		return sourceOr(local.New(local.Options{CertFile: o.CertFiles[0], KeyFile: o.KeyFiles[0], Names: o.LocalNames,
			CADir: o.LocalCADir, Owner: o.LocalOwner, ClientCAs: clients, Log: o.Log, Say: o.Say, Alarm: o.Alarm}))
	case ACME:
		return sourceOr(o.newACME(clients))
	case Files:
		return sourceOr(files.New(o.files(clients)))
	case Proxy:
		return proxied{}, nil
	}
	return nil, fmt.Errorf("unknown mode %q", o.Mode)
}

// sourceOr returns a nil Source with an error. A Source that holds a nil pointer would not be nil.
func sourceOr[S Source](source S, err error) (Source, error) {
	if err != nil {
		return nil, err
	}
	return source, nil
}

func (o Options) files(clients *clientca.CAs) files.Options {
	return files.Options{CertFiles: o.CertFiles, KeyFiles: o.KeyFiles, Domains: o.Domains, Prod: o.Prod,
		ClientCAs: clients, Log: o.Log}
}

// newACME connects package acme, the store and the CA, and the CA for a rehearsal.
func (o Options) newACME(clients *clientca.CAs) (*acme.Source, error) {
	// What decides whether an order can succeed. A change of it ends the backoff.
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{o.Directory, o.Rehearsal, o.CAFile, o.Email, o.EABKeyID,
		string(o.EABKey), o.Profile, fmt.Sprint(o.PlainPort)}))
	options := acme.Options{Domains: o.Domains, Settings: base64.RawURLEncoding.EncodeToString(sum[:9]),
		ClientCAs: clients, Log: o.Log, Notify: o.Notify}
	var err error
	if options.Store, err = o.store().Open(o.Directory); err != nil {
		return nil, err
	}
	issuer, err := authority.New(o.authority(o.Directory, options.Store))
	if err != nil {
		return nil, err
	}
	options.Issuer = issuer
	if o.Rehearsal != "" {
		slot, err := o.store().Open(o.Rehearsal)
		if err != nil {
			return nil, err
		}
		rehearsal := o.authority(o.Rehearsal, slot)
		rehearsal.Account = issuer
		if options.Rehearsal, err = authority.New(rehearsal); err != nil {
			return nil, err
		}
	}
	return acme.New(options), nil
}

// authority returns the options of the CA with this directory. The account that EABKeyID binds is at o.Directory alone.
func (o Options) authority(directory string, slot *store.Slot) authority.Options {
	options := authority.Options{Directory: directory, CAFile: o.CAFile, Store: slot, Email: o.Email,
		Profile: o.Profile, PlainPort: o.PlainPort}
	if directory == o.Directory {
		options.EABKeyID, options.EABKey = o.EABKeyID, o.EABKey
	}
	return options
}

// proxied is the source of a server that never speaks TLS.
type proxied struct{}

func (proxied) TLSConfig() *tls.Config                     { return nil }
func (proxied) HTTPHandler(next http.Handler) http.Handler { return next }
func (proxied) Run(ctx context.Context) error              { <-ctx.Done(); return nil }
func (proxied) Reload()                                    {}
func (proxied) Status() []Status                           { return nil }
func (proxied) Secret(context.Context) []byte              { return nil }

// Fault is one thing wrong with a setting, and what to do about it.
type Fault = setting.Fault

// CacheKey is a key of ACME_CACHE_KEY. It prints as its ID.
type CacheKey = setting.CacheKey

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

// Inspect returns the faults of Check, and a refusal by a Redis server in ACME_CACHE that would prevent an order. Notes
// are what an operator should know although it is no fault: an earlier attempt failed, others can read a key, or the
// store cannot be reached, which may start later. A start does not call Inspect, because it may take seconds.
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
	return acme.Settings{Domains: o.Domains, Directory: o.Directory, CAFile: o.CAFile, Store: o.store()}
}

func (o Options) store() store.Config {
	return store.Config{Where: o.CacheDir, CAFile: o.CacheCA, Keys: o.CacheKeys}
}
