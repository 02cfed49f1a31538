// Package chain reads certificate and key files, and judges them as visitors' clients do: without a network, without
// roots, and with a reason for everything that a client would refuse.
//
// Clients verify the path from the certificate to a root that they have. All of the path but the root is in the file,
// so a server can verify it too. A server that verified its own certificate alone would serve a broken path, and only
// its visitors would notice.
package chain

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"time"
)

// Reason is one finding about a pair, with what to do where that is known.
type Reason struct {
	Text  string // what is found; "it" is the certificate
	Fix   string // the command or the step that mends it; may be empty
	About Part   // of the pair
	Key   bool   // the key's file is at fault, not the certificate's
}

// Part is a part of a pair.
type Part string

const (
	Files   Part = "files"   // what cannot be read, and what does not belong together
	Dates   Part = "dates"   // of the leaf
	Names   Part = "names"   // of the leaf
	Purpose Part = "purpose" // of the leaf
	Key     Part = "key"     // of the leaf, and its signature
	Path    Part = "path"    // from the leaf to the root
)

func (r Reason) String() string {
	if r.Fix == "" {
		return r.Text
	}
	return r.Text + ": " + r.Fix
}

// Verdict is what Judge finds. Clients refuse a pair for each of the faults, and for none of the notes.
type Verdict struct {
	Faults, Notes []Reason

	// Served is what to send: the leaf, then its path upwards, without unrelated certificates. It is empty when no
	// certificate belongs to the key. Faults do not empty it, because an operator may have nothing better to serve.
	Served []*x509.Certificate

	// Alone says that no CA certificate came with the leaf. That is right if a root signed it directly, as private CAs
	// and Cloudflare's Origin CA do. For a certificate of a public CA it is a mistake.
	Alone bool

	// SelfSigned says that the leaf is signed by its own key. Only clients in whose trust store it is accept it.
	SelfSigned bool
}

// OK reports whether there is no fault.
func (v Verdict) OK() bool { return len(v.Faults) == 0 }

// Err returns all faults in one line. It is nil if there is none.
func (v Verdict) Err() error {
	if v.OK() {
		return nil
	}
	return faults(v.Faults)
}

// Certificate returns the pair for crypto/tls. It is nil if no certificate belongs to the key.
func (v Verdict) Certificate(key crypto.PrivateKey) *tls.Certificate {
	if len(v.Served) == 0 || key == nil {
		return nil
	}
	cert := &tls.Certificate{PrivateKey: key, Leaf: v.Served[0]}
	for _, c := range v.Served {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert
}

func (v *Verdict) fault(about Part, text, fix string) {
	v.Faults = append(v.Faults, Reason{Text: text, Fix: fix, About: about})
}

func (v *Verdict) note(about Part, text, fix string) {
	v.Notes = append(v.Notes, Reason{Text: text, Fix: fix, About: about})
}

type faults []Reason

func (f faults) Error() string {
	texts := make([]string, len(f))
	for i, r := range f {
		texts[i] = r.String()
	}
	return strings.Join(texts, "; ")
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }
