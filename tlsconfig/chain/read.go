package chain

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
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
			f.both(fmt.Sprintf("the text after block %d cannot be read: %s", b.number, noBegin), copyAgain)
		}
		switch b.label {
		case "CERTIFICATE", "X509 CERTIFICATE":
			f.certificate(b)
		case "EC PARAMETERS", "DH PARAMETERS", "X9.42 DH PARAMETERS", "X509 CRL": // a server does not need them
		default:
			if strings.HasSuffix(b.label, "PRIVATE KEY") {
				f.key(b)
			} else {
				f.other(b)
			}
		}
	}
	switch {
	case len(blocks) == 0:
		f.none(data)
	case bytes.Contains(data[:bytes.Index(data, blocks[0].text)], endLine):
		f.both("the text before block 1 cannot be read: "+noBegin, copyAgain)
	}
	return f
}

// ReadCertificates returns the certificates of a PEM file, in its order. A file without any is an error, and so is a block
// that cannot be read. Keys in the file are ignored.
func ReadCertificates(file string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	certs, problems := Parse(data).Certificates()
	return certs, Verdict{Faults: problems}.Err()
}

// Certificates returns the file's certificates in its order, and a problem for each block that cannot be read. At least
// one of the two is not empty. Keys in the file are ignored.
func (f *File) Certificates() ([]*x509.Certificate, []Reason) {
	if len(f.certProblems)+len(f.certs) > 0 {
		return f.certs, f.certProblems
	}
	text := "holds no PEM certificate"
	if f.holdsKey {
		text = "holds a private key and no PEM certificate"
	}
	return nil, []Reason{{About: Files, Text: text}}
}

// privateKeys returns the file's keys in its order, and the problems with them. At least one of the two is not empty.
// Certificates in the file are ignored.
func (f *File) privateKeys() ([]crypto.Signer, []Reason) {
	if len(f.keyProblems)+len(f.keys) > 0 {
		return f.keys, f.keyProblems
	}
	text := "holds no PEM private key"
	if f.holdsCert {
		text = "holds a certificate and no PEM private key"
	}
	return nil, []Reason{{About: Files, Text: text, Key: true}}
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
	} else if cert, err := x509.ParseCertificate(b.Bytes); err != nil {
		f.certProblems = append(f.certProblems, unreadable(b, err.Error(), ""))
	} else {
		f.certs = append(f.certs, cert)
	}
}

// otherBlocks are the known blocks without a certificate or key that can be read, and what to do about them.
var otherBlocks = map[string]struct {
	text, fix string
	isCert    bool // it holds a certificate in a format that nothing here reads
}{
	"TRUSTED CERTIFICATE":     {"cannot be read: it is a TRUSTED CERTIFICATE, OpenSSL's own format", convert, true},
	"PKCS7":                   {"cannot be read: it is PKCS#7", printCerts, true},
	"PKCS #7 SIGNED DATA":     {"cannot be read: it is PKCS#7", printCerts, true},
	"CMS":                     {"cannot be read: it is PKCS#7", printCerts, true},
	"CERTIFICATE REQUEST":     {"holds a certificate request, not a certificate", sendToCA, false},
	"NEW CERTIFICATE REQUEST": {"holds a certificate request, not a certificate", sendToCA, false},
	"PUBLIC KEY":              {"holds a public key", privateOne, false},
	"RSA PUBLIC KEY":          {"holds a public key", privateOne, false},
}

const (
	convert    = "openssl x509 -in CERT -out NEW"
	printCerts = "openssl pkcs7 -print_certs -in CERT -out NEW"
	sendToCA   = "send it to a CA, and use what the CA sends back"
	privateOne = "remove it from the file; the private key is the one that starts with BEGIN PRIVATE KEY"
)

// other reports a block that is neither certificate nor key.
func (f *File) other(b block) {
	o, known := otherBlocks[b.label]
	if !known {
		o.text = fmt.Sprintf("is %q, which is neither a certificate nor a key", b.label)
		o.fix = "remove it from the file"
	}
	f.holdsCert = f.holdsCert || o.isCert
	f.both(fmt.Sprintf("block %d %s", b.number, o.text), o.fix)
}

// both adds a problem to the file as one of certificates and as one of a key.
func (f *File) both(text, fix string) {
	f.certProblems = append(f.certProblems, Reason{About: Files, Text: text, Fix: fix})
	f.keyProblems = append(f.keyProblems, Reason{About: Files, Text: text, Fix: fix, Key: true})
}

func unreadable(b block, why, fix string) Reason {
	return Reason{About: Files, Text: fmt.Sprintf("block %d cannot be read: %s", b.number, why), Fix: fix}
}

// key reads a private key. If it cannot, it records what the block is and how to convert it.
func (f *File) key(b block) {
	f.holdsKey = true
	problem := func(r Reason) {
		r.Key = true
		f.keyProblems = append(f.keyProblems, r)
	}
	switch {
	case b.Block == nil:
		problem(damaged(b, "KEY"))
	case b.label == "OPENSSH PRIVATE KEY":
		// The format (openssh/PROTOCOL.key) begins with a magic word, the length of the cipher's name and this name.
		text := "is encrypted, in OpenSSH's own format"
		if bytes.HasPrefix(b.Bytes, []byte("openssh-key-v1\x00\x00\x00\x00\x04none")) {
			text = "is a key in OpenSSH's own format"
		}
		problem(Reason{About: Files, Text: text, Fix: "cp KEY NEW && ssh-keygen -p -N '' -m PEM -f NEW"})
	case b.label == "ENCRYPTED PRIVATE KEY", b.Headers["DEK-Info"] != "", b.Headers["Proc-Type"] != "":
		problem(Reason{About: Files, Text: "is encrypted", Fix: "openssl pkey -in KEY -out NEW"})
	default:
		key, err := parseKey(b.Bytes)
		if err != nil {
			problem(unreadable(b, err.Error(), ""))
			return
		}
		f.keys = append(f.keys, key)
	}
}

// parseKey takes the three encodings that crypto/tls takes, whatever the block is called.
func parseKey(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if _, publicErr := x509.ParsePKIXPublicKey(der); publicErr == nil {
		return nil, errors.New("it is a public key")
	}
	signer, ok := key.(crypto.Signer)
	if err == nil && !ok {
		err = fmt.Errorf("a key of type %T cannot sign", key)
	}
	return signer, err
}
