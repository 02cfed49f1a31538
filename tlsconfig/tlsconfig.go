// Package tlsconfig turns a few settings into certificates for a listener: PEM files in development, an ACME
// certificate authority in production, files that something else renews, or nothing at all behind a proxy.
//
// It reads no environment; names of settings appear in its messages because those are what a reader can change.
package tlsconfig

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/localca"
)

// Mode says where certificates come from.
type Mode string

const (
	Local Mode = "local" // PEM files that a development CA of this machine makes
	ACME  Mode = "acme"  // an ACME certificate authority (RFC 8555), Let's Encrypt's by default
	Files Mode = "files" // PEM files that somebody else makes and renews
	Proxy Mode = "proxy" // none: TLS ends at a proxy in front
)

// Source is what a listener needs to know of certificates. *autocert.Manager has the first two as it stands.
// All methods are safe for concurrent use.
type Source interface {
	// TLSConfig is a fresh configuration whose certificates are answered from memory; nil in proxy mode.
	TLSConfig() *tls.Config
	// HTTPHandler answers ACME http-01 challenges (RFC 8555 §8.3) and hands everything else to next.
	HTTPHandler(next http.Handler) http.Handler
	// Run keeps certificates fresh until ctx is done. It returns nil then, and an error only when it cannot go on.
	Run(ctx context.Context) error
	// Reload looks again at once at whatever Run looks at from time to time.
	Reload()
	// Status describes every certificate, the canonical host's first.
	Status() []Status
}

// Status is one certificate as it stands.
type Status struct {
	Names    []string  // that it is for
	Issuer   string    // common name of who signed it; empty while there is none
	NotAfter time.Time // end of its life; zero while there is none
	RenewAt  time.Time // when it is renewed; zero where somebody else does that
	Next     string    // what happens next, and when
	Error    string    // what went wrong last; empty after a success
	Advice   string    // what to do about it, where that is known
	Failures int       // attempts in a row that came to nothing
	Orders   uint64    // placed by this process
}

// Usable says whether a browser could still accept the certificate's dates.
func (s Status) Usable(now time.Time) bool { return now.Before(s.NotAfter) }

// Options are the settings. The zero value of each means what its comment says.
type Options struct {
	Mode    Mode     // required
	Domains []string // ASCII, lower case; the first is canonical. Required for ACME

	// PEM pairs for Files, one for Local. Equal in number.
	CertFiles, KeyFiles []string

	// Prod refuses a development certificate. Files only.
	Prod bool

	// ClientCAFile makes client certificates required and names the CAs that may sign them. Empty: none asked for.
	ClientCAFile string

	// LocalNames are those of the development certificate; it is asked every few seconds, since a laptop's addresses
	// change. LocalCADir is where its CA is kept. LocalOwner owns what is made; nil: whoever runs this. Local only.
	LocalNames func() []string
	LocalCADir string
	LocalOwner *localca.Owner

	// ACME only.
	Email     string // contact of the account; empty: none
	Directory string // URL of the CA's directory; required
	CAFile    string // PEM roots to trust for the directory's own HTTPS; empty: the system's
	CacheDir  string // where account key and certificates are kept: a directory, or the URL of a Redis or Valkey server; required
	Rehearsal string // directory at which a first order, and one after a failure, is tried beforehand; empty: none
	Profile   string // of the certificate, from those the directory lists; empty: the authority's default
	PlainPort bool   // port 80 is open, for http-01
	EABKeyID  string // external account binding (RFC 8555 §7.3.4); empty: none
	EABKey    []byte

	Log   *slog.Logger      // nil: slog.Default()
	Say   func(line string) // gets what a developer should read at the start; nil: it is logged
	Alarm func(line string) // gets what a developer must not overlook, at any time; nil: it is logged as a warning

	Notify func(Event) // is told of certificates obtained, renewed and failed, in goroutines of its own; nil: nobody is
}

// EventKind says what happened to a certificate.
type EventKind string

const (
	Obtained EventKind = "obtained"
	Renewed  EventKind = "renewed"
	Failed   EventKind = "failed"
)

// Event is one thing that happened to one certificate, for alarms: authorities no longer send mail before one expires.
type Event struct {
	Kind   EventKind
	Status Status // afterwards
	Err    error  // of a failure; a *Problem inside it is the authority's own
}

// notify does not let a slow or broken listener hold up certificates.
func (o Options) notify(e Event) {
	if o.Notify == nil {
		return
	}
	go func() {
		defer func() {
			if v := recover(); v != nil {
				o.Log.Error("the listener to certificate events panicked", "panic", v)
			}
		}()
		o.Notify(e)
	}()
}

func (o Options) say(line string) {
	if o.Say == nil {
		o.Log.Info(line)
		return
	}
	o.Say(line)
}

func (o Options) alarm(line string) {
	if o.Alarm == nil {
		o.Log.Warn(line)
		return
	}
	o.Alarm(line)
}

// Fault is one thing wrong with a setting, and what to do about it.
type Fault struct {
	Setting string // name of the environment variable
	Value   string // as given; left out of messages when empty
	Problem string
	Fix     string
}

func (f Fault) Error() string {
	value := ""
	if f.Value != "" {
		value = fmt.Sprintf("=%q", f.Value)
	}
	return fmt.Sprintf("%s%s: %s (fix: %s)", f.Setting, value, f.Problem, f.Fix)
}

// New opens the source for a mode. Options that Check finds no fault with can still fail here: the world changes
// and Local makes its pair now.
func New(o Options) (Source, error) {
	o.Log = cmp.Or(o.Log, slog.Default())
	switch o.Mode {
	case Local:
		return newLocal(o)
	case ACME:
		return newACME(o)
	case Files:
		return newFiles(o)
	case Proxy:
		return proxied{}, nil
	}
	return nil, fmt.Errorf("unknown mode %q", o.Mode)
}

// Check looks for every fault at once and changes nothing.
func Check(o Options) []Fault {
	var faults []Fault
	switch o.Mode {
	case Local:
		faults = checkLocal(o)
	case ACME:
		faults = checkACME(o)
	case Files:
		faults = checkFiles(o)
	}
	if o.ClientCAFile != "" {
		if _, _, err := readClientCAs(o.ClientCAFile); err != nil {
			faults = append(faults, Fault{"TLS_CLIENT_CA_FILE", o.ClientCAFile, err.Error(),
				"give a PEM file with the certificates of the CAs that sign your clients' certificates, and nothing else"})
		}
	}
	return faults
}

// proxied is the source of a server that never speaks TLS.
type proxied struct{}

func (proxied) TLSConfig() *tls.Config                     { return nil }
func (proxied) HTTPHandler(next http.Handler) http.Handler { return next }
func (proxied) Run(ctx context.Context) error              { <-ctx.Done(); return nil }
func (proxied) Reload()                                    {}
func (proxied) Status() []Status                           { return nil }

// serverConfig is the part that every source's configuration shares. Versions, cipher suites and groups stay
// crypto/tls's own: a list frozen here would miss the next improvement.
func serverConfig(o Options, get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) (*tls.Config, *clientCAs, error) {
	config := &tls.Config{
		GetCertificate: get,
		NextProtos:     []string{"h2", "http/1.1"},
	}
	clients, err := newClientCAs(o.ClientCAFile, o.Log)
	if err != nil {
		return nil, nil, fmt.Errorf("TLS_CLIENT_CA_FILE %s: %w", o.ClientCAFile, err)
	}
	if clients != nil {
		config.ClientCAs = clients.pool.Load()
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, clients, nil
}

func readPool(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, plainError(err)
	}
	certs, problems := readChain(data)
	if len(problems) > 0 {
		return nil, verdict{Faults: problems}.Err()
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}

// plainError takes the operation and the path off a file error: the message around it names the file.
func plainError(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// normalName is a server name as it is looked up: lower case, without the root's dot. It allocates only for names
// that are not so already.
func normalName(name string) string {
	return strings.ToLower(strings.TrimSuffix(name, "."))
}
