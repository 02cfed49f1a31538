// Package chain reads certificate and key files, and checks them as visitors' clients do, with a reason for everything
// that a client would refuse. It needs neither a network nor roots.
//
// Clients verify the path from the certificate to a root that they have. All of the path but the root is in the file,
// so a server can verify it too. A server that checked only its own certificate would serve a broken path, and only its
// visitors would notice.
package chain

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"
)

// Reason is one finding about a pair, with what to do where that is known.
type Reason struct {
	Text  string // what is found; "it" is the certificate
	Fix   string // the command or the step that fixes it; may be empty
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

	// SelfSigned says that the leaf is signed by its own key. Only clients that have it in their trust store accept it.
	SelfSigned bool
}

// OK reports whether there is no fault.
func (v Verdict) OK() bool { return len(v.Faults) == 0 }

// Err returns all faults in one line. It is nil if there is none.
func (v Verdict) Err() error {
	if v.OK() {
		return nil
	}
	texts := make([]string, len(v.Faults))
	for i, r := range v.Faults {
		texts[i] = r.String()
	}
	return errors.New(strings.Join(texts, "; "))
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

func (v *Verdict) faultIf(is bool, about Part, text, fix string) {
	if is {
		v.fault(about, text, fix)
	}
}

func (v *Verdict) note(about Part, text, fix string) {
	v.Notes = append(v.Notes, Reason{Text: text, Fix: fix, About: about})
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Pair is a certificate file and a key file as they were read.
type Pair struct {
	Certs    []*x509.Certificate // in the file's order
	Key      crypto.Signer       // the one that a certificate belongs to, or else the first; nil when there is none
	Problems []Reason            // why a part of either file could not be read
}

// Read reads both files of a pair, which may be one and the same.
func Read(certPEM, keyPEM []byte) Pair {
	certFile, keyFile := Parse(certPEM), Parse(keyPEM)
	if !certFile.holdsCert && certFile.holdsKey && keyFile.holdsCert && !keyFile.holdsKey {
		return Pair{Problems: []Reason{{About: Files,
			Text: "the two files are swapped, a key is where the certificate should be", Fix: "exchange them"}}}
	}
	certs, problems := certFile.Certificates()
	keys, keyProblems := keyFile.privateKeys()
	p := Pair{Certs: certs, Problems: slices.Concat(problems, keyProblems)}
	for _, key := range keys {
		if p.Key == nil || !p.has(p.Key) && p.has(key) {
			p.Key = key
		}
	}
	return p
}

func (p Pair) has(key crypto.Signer) bool {
	return slices.ContainsFunc(p.Certs, func(c *x509.Certificate) bool { return belongs(c, key) })
}

// Judge judges the pair. What could not be read comes first among the faults.
func (p Pair) Judge(names []string, now time.Time) Verdict {
	var v Verdict
	if len(p.Certs) > 0 {
		v = judge(p.Certs, p.Key, names, now, slices.ContainsFunc(p.Problems, func(r Reason) bool { return !r.Key }))
	}
	v.Faults = slices.Concat(p.Problems, v.Faults)
	return v
}
