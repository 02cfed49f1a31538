package chaintest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"net"
	"slices"
	"strings"
)

// Bad are pairs that visitors' clients refuse, or that cannot be read.
func Bad() []Row {
	return slices.Concat(badLeaves(), badSigners(), badKeys(), badFiles(), otherFormats(), badKeyFiles())
}

func badLeaves() []Row {
	return []Row{
		leafLike("the leaf has expired", "it expired on", expired),
		leafLike("the leaf is not yet valid", "valid only from", early),
		leafLike("the leaf names no host", "names no host", func(c template) { c.DNSNames, c.IPAddresses = nil, nil }),
		leafLike("the leaf is for clients", "not for a server", forClients),
		leafLike("the leaf may only encipher keys", "digital signature", func(c template) { c.KeyUsage = x509.KeyUsageKeyEncipherment }),
		leafLike("the leaf has an unknown critical extension", "critical extension", func(c template) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: true, Value: []byte{5, 0}}}
		}),
		{Name: "the leaf is signed by SHA-1", Says: "SHA1",
			Chain: func(a *Authority, p public) certs { return certs{a.sha1(p), a.Intermediate} }},
	}
}

func badSigners() []Row {
	return []Row{
		{Name: "another CA's certificate behind the leaf", Says: "none of the CA certificates in it signed the leaf",
			Chain: func(a *Authority, p public) certs { return certs{a.leaf(p, nil), foreign()} }},
		{Name: "the root behind the leaf, the intermediate missing", Says: "none of the CA certificates in it signed the leaf",
			Chain: func(a *Authority, p public) certs { return certs{a.leaf(p, nil), a.Root} }},
		{Name: "an intermediate of the same name with another key", Says: "another key than the one that signed",
			Chain: func(a *Authority, p public) certs { return certs{a.leaf(p, nil), New(nil).Intermediate} }},
		signerLike("the intermediate has expired", "expired on", expired),
		signerLike("the intermediate is not yet valid", "valid only from", early),
		signerLike("the intermediate is no CA", "is not a CA's", func(c template) { c.IsCA = false }),
		signerLike("the intermediate may not sign certificates", "may not sign certificates", func(c template) { c.KeyUsage = x509.KeyUsageDigitalSignature }),
		signerLike("the intermediate is for clients", "may not sign certificates for servers", forClients),
		signerLike("the intermediate is for other names", "name constraints", func(c template) {
			_, nowhere, _ := net.ParseCIDR("192.0.2.0/24")
			c.PermittedDNSDomainsCritical, c.PermittedDNSDomains, c.PermittedIPRanges = true, []string{"elsewhere.test"}, []*net.IPNet{nowhere}
		}),
		{Name: "every one of two intermediates has expired", Says: "expired on",
			Chain: func(a *Authority, p public) certs { return certs{a.leaf(p, nil), a.above(expired), a.above(expired)} }},
	}
}

func badKeys() []Row {
	ofAnother := func(a *Authority, _ public) certs { return certs{a.leaf(ec().Public(), nil), a.Intermediate} }
	return []Row{
		{Name: "RSA of 1024 bits", Says: "RSA 1024, is too short", Key: rsa1024},
		{Name: "ECDSA P-224", Says: "P-224, cannot be used",
			Key: func() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)) }},
		{Name: "the key of another certificate", Says: "the key belongs to another certificate", Unmet: true, Chain: ofAnother},
		{Name: "a key of another kind than the leaf's", Says: "the key is RSA, the certificate's is ECDSA", OfKey: true, Unmet: true,
			Key: rsa2048, Chain: ofAnother},
	}
}

func badFiles() []Row {
	replace := func(old, new string, n int) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), n) }
	}
	return []Row{
		certLike("nothing in the certificate's file", "holds no PEM certificate", true, func([]byte) []byte { return nil }),
		certLike("a web page for a certificate", "web page", true, func([]byte) []byte { return []byte("<html>503</html>") }),
		certLike("the certificate cut off in the leaf", "block 1 cannot be read: it is cut off", true, func(b []byte) []byte { return b[:200] }),
		certLike("the certificate cut off in the intermediate", "block 2 cannot be read: it is cut off", false, func(b []byte) []byte { return b[:len(b)-40] }),
		certLike("a damaged leaf", "block 1 cannot be read", true, replace("\nMII", "\nM*I", 1)),
		certLike("a damaged intermediate", "block 2 cannot be read", false, func(b []byte) []byte {
			at := bytes.LastIndex(b, []byte("\nMII"))
			return slices.Concat(b[:at], []byte("\nM*I"), b[at+4:])
		}),
		certLike("an intermediate with a line of base64 lost", "block 2 cannot be read", false, func(b []byte) []byte {
			lines := bytes.SplitAfter(b, []byte("\n"))
			return slices.Concat(slices.Delete(lines, len(lines)-6, len(lines)-5)...)
		}),
		{Name: "a damaged block between intermediate and root", Says: "block 3 cannot be read",
			Chain: func(a *Authority, p public) certs {
				return certs{a.leaf(p, nil), a.Intermediate, {Raw: []byte("this is no certificate")}, a.Root}
			}},
		certLike("an intermediate without its BEGIN line", "after block 1 cannot be read", false, func(b []byte) []byte {
			at := bytes.LastIndex(b, []byte("-----BEGIN"))
			return slices.Concat(b[:at], b[at+1:])
		}),
		certLike("indented PEM", "lines are indented", true, func(b []byte) []byte {
			return []byte("    " + strings.ReplaceAll(strings.TrimSpace(string(b)), "\n", "\n    ") + "\n")
		}),
		certLike("line breaks written as words", `written as \n`, true, replace("\n", `\n`, -1)),
		certLike("line breaks lost", "line breaks are lost", true, replace("\n", " ", -1)),
		certLike("base64 of the PEM file", "base64 -d", true, func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }),
		certLike("UTF-16", "iconv -f UTF-16", true, func(b []byte) []byte { // what PowerShell's redirection makes of a file
			return []byte("\xff\xfe" + strings.Join(strings.Split(string(b), ""), "\x00") + "\x00")
		}),
	}
}

func otherFormats() []Row {
	relabel := func(to string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(" CERTIFICATE-"), []byte(" "+to+"-")) }
	}
	return []Row{
		certLike("a TRUSTED CERTIFICATE", "openssl x509 -in", true, relabel("TRUSTED CERTIFICATE")),
		certLike("PKCS#7", "openssl pkcs7 -print_certs", true, relabel("PKCS7")),
		certLike("a certificate request", "holds a certificate request, not a certificate", true, relabel("CERTIFICATE REQUEST")),
		certLike("DER", "openssl x509 -inform DER", true, der),
		{Name: "certificate and key swapped", Says: "the two files are swapped", Unmet: true,
			Spoil: func(cert, key []byte) ([]byte, []byte) { return key, cert }},
		{Name: "the key's file twice", Says: "holds a private key and no PEM certificate", Unmet: true,
			Spoil: func(_, key []byte) ([]byte, []byte) { return key, key }},
		{Name: "the certificate's file twice", Says: "holds a certificate and no PEM private key", OfKey: true, Unmet: true,
			Spoil: func(cert, _ []byte) ([]byte, []byte) { return cert, cert }},
	}
}

func badKeyFiles() []Row {
	openSSH := func(start string) func([]byte) []byte {
		return func([]byte) []byte {
			return block("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00\x00\x00\x00"+start))
		}
	}
	return []Row{
		keyFileLike("no key", "holds no PEM private key", func([]byte) []byte { return nil }),
		keyFileLike("a key with a passphrase, PKCS#8", "is encrypted: openssl pkey -in KEY -out NEW", func(key []byte) []byte {
			return block("ENCRYPTED PRIVATE KEY", der(key))
		}),
		keyFileLike("a key with a passphrase, the old way", "is encrypted: openssl pkey -in KEY -out NEW", func(key []byte) []byte {
			return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der(key),
				Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00112233445566778899AABBCCDDEEFF"}})
		}),
		keyFileLike("an OpenSSH key with a passphrase", "is encrypted, in OpenSSH's own format", openSSH("\x0aaes256-ctr\x00\x00\x00\x06bcrypt")),
		keyFileLike("an OpenSSH key", "is a key in OpenSSH's own format", openSSH("\x04none\x00\x00\x00\x04none")),
		keyFileLike("a key cut off", "block 1 cannot be read: it is cut off", func(key []byte) []byte { return key[:len(key)-20] }),
		keyFileLike("a damaged key", "block 1 cannot be read", func([]byte) []byte { return block("PRIVATE KEY", []byte("no key at all")) }),
		keyFileLike("a key in DER", "openssl pkey -inform DER", der),
	}
}
