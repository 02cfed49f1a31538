package chain

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"
)

// File is the content of a PEM file.
type File struct {
	certs                     []*x509.Certificate
	keys                      []crypto.Signer
	certProblems, keyProblems []Reason // of the file as one of certificates, and as one of a key
	holdsCert, holdsKey       bool     // there is a block of that kind, readable or not
}

// block is one PEM block, from its BEGIN line to the next one.
type block struct {
	number int
	label  string // of its BEGIN line
	text   []byte
	stray  bool // after it there is an END line without a BEGIN line
	*pem.Block
}

var (
	utf8BOM = []byte("\xef\xbb\xbf")
	endLine = []byte("-----END ")
	begin   = regexp.MustCompile(`-----BEGIN ([^\r\n-]*)-----`)
)

const noBegin = "it has an END line, and no BEGIN line with five hyphens before and behind"

// Parse reads a PEM file. pem.Decode skips what it cannot read. Parse reports a damaged block as a problem, and also a
// block of a kind that a web server does not need. It removes a byte order mark, which Windows editors write.
func Parse(data []byte) *File {
	f := &File{}
	blocks := split(bytes.TrimPrefix(data, utf8BOM))
	for _, b := range blocks {
		if b.stray {
			f.both(fmt.Sprintf("what stands behind block %d cannot be read: %s", b.number, noBegin), copyAgain)
		}
		switch kind := labels[b.label]; {
		case strings.HasSuffix(b.label, "PRIVATE KEY"):
			f.key(b)
		case kind == certificate:
			f.certificate(b)
		case kind == harmless:
		default:
			f.other(b)
		}
	}
	switch {
	case len(blocks) == 0:
		f.none(data)
	case bytes.Contains(data[:bytes.Index(data, blocks[0].text)], endLine):
		f.both("what stands before block 1 cannot be read: "+noBegin, copyAgain)
	}
	return f
}

// Certificates returns the file's certificates in its order, and a problem for each block that cannot be read. At least
// one of the two is not empty. Keys in the file are ignored.
func (f *File) Certificates() ([]*x509.Certificate, []Reason) {
	switch {
	case len(f.certProblems)+len(f.certs) > 0:
		return f.certs, f.certProblems
	case f.holdsKey:
		return nil, []Reason{{About: Files, Text: "holds a private key and no PEM certificate"}}
	}
	return nil, []Reason{{About: Files, Text: "holds no PEM certificate"}}
}

// privateKeys returns the file's keys in its order, and the problems with them. At least one of the two is not empty.
// Certificates in the file are ignored.
func (f *File) privateKeys() ([]crypto.Signer, []Reason) {
	switch {
	case len(f.keyProblems)+len(f.keys) > 0:
		return f.keys, f.keyProblems
	case f.holdsCert:
		return nil, []Reason{{About: Files, Text: "holds a certificate and no PEM private key", Key: true}}
	}
	return nil, []Reason{{About: Files, Text: "holds no PEM private key", Key: true}}
}

// HoldsKey reports whether a private key is in the file, readable or not.
func (f *File) HoldsKey() bool { return f.holdsKey }

// split finds every block by its BEGIN line. pem.Decode would find only those whose other lines are right too.
func split(data []byte) []block {
	var out []block
	starts := begin.FindAllSubmatchIndex(data, -1)
	for i, at := range starts {
		end := len(data)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		b := block{number: i + 1, label: string(bytes.TrimSpace(data[at[2]:at[3]])), text: data[at[0]:end]}
		var rest []byte
		b.Block, rest = pem.Decode(b.text)
		b.stray = b.Block != nil && bytes.Contains(rest, endLine)
		if b.Block != nil && b.Type != b.label {
			b.Block = nil
		}
		out = append(out, b)
	}
	return out
}

func (f *File) certificate(b block) {
	f.holdsCert = true
	if b.Block == nil {
		f.certProblems = append(f.certProblems, damaged(b, "CERT"))
		return
	}
	cert, err := x509.ParseCertificate(b.Bytes)
	if err != nil {
		f.certProblems = append(f.certProblems, unreadable(b, err.Error(), ""))
		return
	}
	f.certs = append(f.certs, cert)
}

// labels are the known kinds of block, without private keys.
var labels = map[string]int{
	"CERTIFICATE": certificate, "X509 CERTIFICATE": certificate,
	"EC PARAMETERS": harmless, "DH PARAMETERS": harmless, "X9.42 DH PARAMETERS": harmless, "X509 CRL": harmless,
}

const (
	certificate = 1 + iota
	harmless    // often in the same file, and not needed by a web server
)

// other reports a block that is neither certificate nor key.
func (f *File) other(b block) {
	text, fix := fmt.Sprintf("block %d is %q, which is neither a certificate nor a key", b.number, b.label),
		"take it out of the file"
	switch b.label {
	case "TRUSTED CERTIFICATE":
		f.holdsCert = true
		text, fix = fmt.Sprintf("block %d cannot be read: it is a TRUSTED CERTIFICATE, OpenSSL's own format", b.number),
			"openssl x509 -in CERT -out NEW"
	case "PKCS7", "PKCS #7 SIGNED DATA", "CMS":
		f.holdsCert = true
		text, fix = fmt.Sprintf("block %d cannot be read: it is PKCS#7", b.number),
			"openssl pkcs7 -print_certs -in CERT -out NEW"
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		text, fix = fmt.Sprintf("block %d holds a certificate request, not a certificate", b.number),
			"send it to a CA, and use what the CA sends back"
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		text, fix = fmt.Sprintf("block %d holds a public key", b.number),
			"take it out of the file; the private key is the one that starts with BEGIN PRIVATE KEY"
	}
	f.both(text, fix)
}

// both adds a problem to the file as one of certificates and as one of a key.
func (f *File) both(text, fix string) {
	f.certProblems = append(f.certProblems, Reason{About: Files, Text: text, Fix: fix})
	f.keyProblems = append(f.keyProblems, Reason{About: Files, Text: text, Fix: fix, Key: true})
}

func unreadable(b block, why, fix string) Reason {
	return Reason{About: Files, Text: fmt.Sprintf("block %d cannot be read: %s", b.number, why), Fix: fix}
}
