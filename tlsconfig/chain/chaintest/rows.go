package chaintest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// Row is one kind of pair. The zero value is the good pair.
type Row struct {
	Name  string
	Key   func(testing.TB) crypto.Signer                  // nil: ECDSA P-256
	Chain func(*Authority, crypto.PublicKey) []byte       // the certificate's file; nil: leaf and intermediate
	Spoil func(cert, key []byte) (newCert, newKey []byte) // what happens to the two files afterwards
	Says  string                                          // words of the fault, or of the note
	OfKey bool                                            // TLS_KEY_FILE is at fault
	Unmet bool                                            // no certificate belongs to the key, or none can be read: it cannot be served at all
}

// Pair is both files of a row.
func (r Row) Pair(a *Authority) (certPEM, keyPEM []byte) {
	a.t.Helper()
	newKey := r.Key
	if newKey == nil {
		newKey = ec
	}
	key := newKey(a.t)
	keyPEM = a.keyPEM(key)
	certPEM = r.From(a, key.Public())
	if r.Spoil != nil {
		certPEM, keyPEM = r.Spoil(certPEM, keyPEM)
	}
	return certPEM, keyPEM
}

// From makes the row's certificates for a given public key, as a CA does.
func (r Row) From(a *Authority, public crypto.PublicKey) []byte {
	a.t.Helper()
	if r.Chain == nil {
		return a.pem(a.leaf(public, nil), a.Intermediate)
	}
	return r.Chain(a, public)
}

// leafLike is a row whose leaf is another one, and the rest as it should be.
func leafLike(name, says string, change func(*x509.Certificate)) Row {
	return Row{Name: name, Says: says, Chain: func(a *Authority, public crypto.PublicKey) []byte {
		return a.pem(a.leaf(public, change), a.Intermediate)
	}}
}

// signerLike is a row whose intermediate is another one for the same key.
func signerLike(name, says string, change func(*x509.Certificate)) Row {
	return Row{Name: name, Says: says, Chain: func(a *Authority, public crypto.PublicKey) []byte {
		return a.pem(a.leaf(public, nil), a.above(change))
	}}
}

// keyLike is a row whose key is another one, and the certificate is for it.
func keyLike(name, says string, key func(testing.TB) crypto.Signer) Row {
	return Row{Name: name, Says: says, Key: key}
}

// certLike is a row whose certificate file is a change of a good one.
func certLike(name, says string, unmet bool, change func([]byte) []byte) Row {
	return Row{Name: name, Says: says, Unmet: unmet, Spoil: func(cert, key []byte) ([]byte, []byte) { return change(cert), key }}
}

// keyFileLike is a row whose key file is a change of a good one.
func keyFileLike(name, says string, change func([]byte) []byte) Row {
	return Row{Name: name, Says: says, OfKey: true, Unmet: true, Spoil: func(cert, key []byte) ([]byte, []byte) { return cert, change(key) }}
}

// Bad are pairs that visitors' clients refuse, or that cannot be read.
func Bad() []Row {
	return slices.Concat(badLeaves(), badSigners(), badKeys(), badFiles(), badKeyFiles())
}

func badLeaves() []Row {
	hour := func(h time.Duration) time.Time { return time.Now().Add(h * time.Hour) }
	return []Row{
		leafLike("the leaf has expired", "it expired on", func(c *x509.Certificate) { c.NotBefore, c.NotAfter = hour(-48), hour(-24) }),
		leafLike("the leaf is not yet valid", "valid only from", func(c *x509.Certificate) { c.NotBefore = hour(24) }),
		leafLike("the leaf names no host", "names no host", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil }),
		leafLike("the leaf is for clients", "not for a server", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
		leafLike("the leaf may only encipher keys", "digital signature", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }),
		leafLike("the leaf has an unknown critical extension", "critical extension", func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: true, Value: []byte{5, 0}}}
		}),
		{Name: "the leaf is signed by SHA-1", Says: "SHA1", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			return a.sha1(public)
		}},
	}
}

func badSigners() []Row {
	hour := func(h time.Duration) time.Time { return time.Now().Add(h * time.Hour) }
	return []Row{
		{Name: "another CA's certificate behind the leaf", Says: "none of the CA certificates in it signed the leaf", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			other := New(a.t)
			foreign := other.sign(other.ca("Another CA"), other.Root, other.key.Public(), other.rootKey)
			return a.pem(a.leaf(public, nil), foreign)
		}},
		{Name: "the root behind the leaf, the intermediate missing", Says: "none of the CA certificates in it signed the leaf", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			return a.pem(a.leaf(public, nil), a.Root)
		}},
		{Name: "an intermediate of the same name with another key", Says: "another key than the one that signed", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			return a.pem(a.leaf(public, nil), New(a.t).Intermediate)
		}},
		signerLike("the intermediate has expired", "expired on", func(c *x509.Certificate) { c.NotBefore, c.NotAfter = hour(-48), hour(-24) }),
		signerLike("the intermediate is not yet valid", "valid only from", func(c *x509.Certificate) { c.NotBefore = hour(24) }),
		signerLike("the intermediate is no CA", "is not a CA's", func(c *x509.Certificate) { c.IsCA = false }),
		signerLike("the intermediate may not sign certificates", "may not sign certificates", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }),
		signerLike("the intermediate is for clients", "may not sign certificates for servers", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}),
		signerLike("the intermediate is for other names", "name constraints", func(c *x509.Certificate) {
			_, nowhere, _ := net.ParseCIDR("192.0.2.0/24")
			c.PermittedDNSDomainsCritical, c.PermittedDNSDomains, c.PermittedIPRanges = true, []string{"elsewhere.test"}, []*net.IPNet{nowhere}
		}),
		{Name: "every one of two intermediates has expired", Says: "expired on", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			old := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = hour(-48), hour(-24) }
			return a.pem(a.leaf(public, nil), a.above(old), a.above(old))
		}},
	}
}

func badKeys() []Row {
	return []Row{
		keyLike("RSA of 1024 bits", "RSA 1024, is too short", func(t testing.TB) crypto.Signer { return rsaKey(t, 1024) }),
		keyLike("ECDSA P-224", "P-224, cannot be used", func(t testing.TB) crypto.Signer { return curve(t, elliptic.P224()) }),
		{Name: "the key of another certificate", Says: "the key belongs to another certificate", Unmet: true,
			Chain: func(a *Authority, _ crypto.PublicKey) []byte {
				return a.pem(a.leaf(ec(a.t).Public(), nil), a.Intermediate)
			}},
		{Name: "a key of another kind than the leaf's", Says: "the key is RSA, the certificate's is ECDSA", OfKey: true, Unmet: true,
			Key: func(t testing.TB) crypto.Signer { return rsaKey(t, 2048) },
			Chain: func(a *Authority, _ crypto.PublicKey) []byte {
				return a.pem(a.leaf(ec(a.t).Public(), nil), a.Intermediate)
			}},
	}
}

func badFiles() []Row {
	return slices.Concat([]Row{
		certLike("nothing in the certificate's file", "holds no PEM certificate", true, func([]byte) []byte { return nil }),
		certLike("a web page for a certificate", "web page", true, func([]byte) []byte { return []byte("<html>503</html>") }),
		certLike("the certificate cut off in the leaf", "block 1 cannot be read: it is cut off", true, func(cert []byte) []byte { return cert[:200] }),
		certLike("the certificate cut off in the intermediate", "block 2 cannot be read: it is cut off", false, func(cert []byte) []byte { return cert[:len(cert)-40] }),
		certLike("a damaged leaf", "block 1 cannot be read", true, func(cert []byte) []byte { return bytes.Replace(cert, []byte("\nMII"), []byte("\nM*I"), 1) }),
		certLike("a damaged intermediate", "block 2 cannot be read", false, func(cert []byte) []byte {
			at := bytes.LastIndex(cert, []byte("\nMII"))
			return join(cert[:at], []byte("\nM*I"), cert[at+4:])
		}),
		certLike("an intermediate with a line of base64 lost", "block 2 cannot be read", false, func(cert []byte) []byte {
			lines := bytes.SplitAfter(cert, []byte("\n"))
			return join(slices.Delete(lines, len(lines)-6, len(lines)-5)...)
		}),
		{Name: "a damaged block between intermediate and root", Says: "block 3 cannot be read", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			return join(a.pem(a.leaf(public, nil), a.Intermediate), block("CERTIFICATE", []byte("this is no certificate")), a.pem(a.Root))
		}},
		certLike("an intermediate without its BEGIN line", "behind block 1 cannot be read", false, func(cert []byte) []byte {
			at := bytes.LastIndex(cert, []byte("-----BEGIN"))
			return join(cert[:at], cert[at+1:])
		}),
		certLike("indented PEM", "lines are indented", true, func(cert []byte) []byte {
			return []byte("    " + strings.ReplaceAll(strings.TrimSpace(string(cert)), "\n", "\n    ") + "\n")
		}),
		certLike("line breaks written as words", `written as \n`, true, func(cert []byte) []byte { return bytes.ReplaceAll(cert, []byte("\n"), []byte(`\n`)) }),
		certLike("line breaks lost", "line breaks are lost", true, func(cert []byte) []byte { return bytes.ReplaceAll(cert, []byte("\n"), []byte(" ")) }),
		certLike("base64 of the PEM file", "base64 -d", true, func(cert []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(cert)) }),
		certLike("UTF-16", "iconv -f UTF-16", true, utf16),
	}, otherFormats())
}

func otherFormats() []Row {
	relabel := func(to string) func([]byte) []byte {
		return func(cert []byte) []byte { return bytes.ReplaceAll(cert, []byte(" CERTIFICATE-"), []byte(" "+to+"-")) }
	}
	return []Row{
		certLike("a TRUSTED CERTIFICATE", "openssl x509 -in", true, relabel("TRUSTED CERTIFICATE")),
		certLike("PKCS#7", "openssl pkcs7 -print_certs", true, relabel("PKCS7")),
		certLike("a certificate request", "holds a certificate request, not a certificate", true, relabel("CERTIFICATE REQUEST")),
		certLike("DER", "openssl x509 -inform DER", true, func(cert []byte) []byte {
			b, _ := pem.Decode(cert)
			return b.Bytes
		}),
		{Name: "certificate and key swapped", Says: "the two files are swapped", Unmet: true, Spoil: func(cert, key []byte) ([]byte, []byte) { return key, cert }},
		{Name: "the key's file twice", Says: "holds a private key and no PEM certificate", Unmet: true, Spoil: func(_, key []byte) ([]byte, []byte) { return key, key }},
	}
}

func badKeyFiles() []Row {
	label := func(to string, before string) func([]byte) []byte {
		return func(key []byte) []byte {
			b, _ := pem.Decode(key)
			if before != "" {
				b.Bytes = []byte(before)
			}
			return block(to, b.Bytes)
		}
	}
	return []Row{
		keyFileLike("no key", "holds no PEM private key", func([]byte) []byte { return nil }),
		keyFileLike("a key with a passphrase, PKCS#8", "is encrypted: openssl pkey -in KEY -out NEW", label("ENCRYPTED PRIVATE KEY", "")),
		keyFileLike("a key with a passphrase, the old way", "is encrypted: openssl pkey -in KEY -out NEW", func(key []byte) []byte {
			b, _ := pem.Decode(key)
			b.Headers = map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00112233445566778899AABBCCDDEEFF"}
			b.Type = "EC PRIVATE KEY"
			return pem.EncodeToMemory(b)
		}),
		keyFileLike("an OpenSSH key with a passphrase", "is encrypted, in OpenSSH's own format", label("OPENSSH PRIVATE KEY", "openssh-key-v1\x00\x00\x00\x00\x0aaes256-ctr\x00\x00\x00\x06bcrypt")),
		keyFileLike("an OpenSSH key", "is a key in OpenSSH's own format", label("OPENSSH PRIVATE KEY", "openssh-key-v1\x00\x00\x00\x00\x04none\x00\x00\x00\x04none")),
		keyFileLike("a key cut off", "block 1 cannot be read: it is cut off", func(key []byte) []byte { return key[:len(key)-20] }),
		keyFileLike("a damaged key", "block 1 cannot be read", label("PRIVATE KEY", "no key at all")),
		keyFileLike("a key in DER", "openssl pkey -inform DER", func(key []byte) []byte {
			b, _ := pem.Decode(key)
			return b.Bytes
		}),
		{Name: "the certificate's file twice", Says: "holds a certificate and no PEM private key", OfKey: true, Unmet: true,
			Spoil: func(cert, _ []byte) ([]byte, []byte) { return cert, cert }},
	}
}

// Good are pairs that visitors verify, some of them with a note.
func Good() []Row {
	hour := func(h time.Duration) time.Time { return time.Now().Add(h * time.Hour) }
	both := func(change func([]byte) []byte) func(cert, key []byte) ([]byte, []byte) {
		return func(cert, key []byte) ([]byte, []byte) { return change(cert), change(key) }
	}
	return []Row{
		{Name: "leaf and intermediate"},
		{Name: "the intermediate before the leaf", Says: "served first", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			return a.pem(a.Intermediate, a.leaf(public, nil))
		}},
		{Name: "root, intermediate, leaf", Says: "is a root", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			return a.pem(a.Root, a.Intermediate, a.leaf(public, nil))
		}},
		{Name: "everything twice", Says: "second copy", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			leaf := a.leaf(public, nil)
			return a.pem(leaf, leaf, a.Intermediate, a.Intermediate)
		}},
		{Name: "an expired cross-signature further up", Says: "further up, expired on", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			return a.pem(a.leaf(public, nil), a.Intermediate, a.cross(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = hour(-48), hour(-24) }))
		}},
		{Name: "an expired twin of the intermediate", Says: "a second certificate of", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			return a.pem(a.leaf(public, nil), a.above(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = hour(-48), hour(-24) }), a.Intermediate)
		}},
		{Name: "two chains in one file", Says: "has nothing to do with the leaf", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			other := New(a.t, "other.test")
			return a.pem(other.leaf(ec(a.t).Public(), nil), other.sign(other.ca("Another CA"), other.Root, other.key.Public(), other.rootKey), a.leaf(public, nil), a.Intermediate)
		}},
		{Name: "an expired certificate for the same key before its renewal", Says: "served first", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			old := a.leaf(public, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = hour(-48), hour(-24) })
			return a.pem(old, a.leaf(public, nil), a.Intermediate)
		}},
		{Name: "a leaf that names no usage and no key identifier", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			return a.pem(a.leaf(public, func(c *x509.Certificate) { c.KeyUsage, c.ExtKeyUsage = 0, nil }), a.Intermediate)
		}},
		{Name: "a wildcard beside the names", Chain: func(a *Authority, public crypto.PublicKey) []byte {
			return a.pem(a.leaf(public, func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "*.wild.test") }), a.Intermediate)
		}},
		{Name: "RSA of 2048 bits", Key: func(t testing.TB) crypto.Signer { return rsaKey(t, 2048) }},
		{Name: "Ed25519", Says: "Ed25519, which browsers do not accept", Key: func(t testing.TB) crypto.Signer {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return key
		}},
		{Name: "byte order marks", Spoil: both(func(b []byte) []byte { return join([]byte("\xef\xbb\xbf"), b) })},
		{Name: "lines of Windows", Spoil: both(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) })},
		{Name: "text between the blocks", Spoil: both(func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte("-----BEGIN"), []byte("Bag Attributes\n    friendlyName: shop\n-----BEGIN"))
		})},
		{Name: "no line break at the end", Spoil: both(bytes.TrimSpace)},
		{Name: "key and certificates in one file", Spoil: func(cert, key []byte) ([]byte, []byte) { return join(key, cert), join(key, cert) }},
		{Name: "parameters before the key", Spoil: func(cert, key []byte) ([]byte, []byte) { return cert, join(block("EC PARAMETERS", []byte{6, 0}), key) }},
	}
}

// Alone is a leaf without any CA certificate: right where a root signed it directly.
func Alone() Row {
	return Row{Name: "the leaf alone", Says: "no CA certificate came with it", Chain: func(a *Authority, public crypto.PublicKey) []byte {
		return a.pem(a.leaf(public, nil))
	}}
}

// SelfSigned is a leaf that its own key signed: right where every client was given it.
func SelfSigned() Row {
	var key crypto.Signer
	return Row{Name: "signed by itself", Says: "it is signed by itself", Key: func(t testing.TB) crypto.Signer {
		key = ec(t)
		return key
	}, Chain: func(a *Authority, public crypto.PublicKey) []byte {
		leaf := a.leaf(public, nil)
		leaf.Issuer = leaf.Subject
		return a.pem(a.sign(leaf, leaf, public, key))
	}}
}

// cross is a certificate for the root's key by another root.
func (a *Authority) cross(change func(*x509.Certificate)) *x509.Certificate {
	other := New(a.t)
	elder := other.ca("Elder Root")
	parent := other.sign(elder, elder, other.rootKey.Public(), other.rootKey)
	template := a.ca("Test Root")
	change(template)
	return other.sign(template, parent, a.rootKey.Public(), other.rootKey)
}

// utf16 is what PowerShell's redirection makes of a file.
func utf16(data []byte) []byte {
	out := []byte("\xff\xfe")
	for _, b := range data {
		out = append(out, b, 0)
	}
	return out
}

func rsaKey(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func curve(t testing.TB, c elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Expiring is a good pair that ends within a time.
func Expiring(within time.Duration) Row {
	return leafLike("a good pair that ends soon", "", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(within) })
}
