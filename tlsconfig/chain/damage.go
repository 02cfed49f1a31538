package chain

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"regexp"
)

var indent = regexp.MustCompile(`(?m)^[ \t]+\S`)

// damaged says why pem.Decode does not accept a block. file is the placeholder in the command that fixes it.
func damaged(b block, file string) Reason {
	lines := bytes.Split(bytes.TrimRight(b.text, "\r\n\t "), []byte("\n"))
	end := bytes.Index(b.text, []byte("-----END "))
	switch {
	case bytes.Contains(b.text, []byte(`\n`)):
		return unreadable(b, `its line breaks are written as \n`, fmt.Sprintf("printf '%%b' \"$(cat %s)\" > NEW", file))
	case end < 0:
		return unreadable(b, "it is cut off, there is no END line", copyAgain)
	case !bytes.Contains(b.text[:end], []byte("\n")) && !bytes.Contains(b.text[:end], []byte("\r")):
		return unreadable(b, "its line breaks are lost", copyAgain)
	case !bytes.Contains(b.text, []byte("\n")):
		return unreadable(b, "its lines end in carriage returns alone", fmt.Sprintf("tr '\\r' '\\n' < %s > NEW", file))
	case indent.Match(b.text[:end]):
		return unreadable(b, "its lines are indented", fmt.Sprintf("sed 's/^[ \\t]*//' %s > NEW", file))
	case !bytes.HasPrefix(b.text[end:], []byte("-----END "+b.label+"-----")):
		return unreadable(b, fmt.Sprintf("it begins as %q and ends as something else", b.label), copyAgain)
	}
	for i, line := range lines[1:] {
		if bytes.HasPrefix(line, []byte("-----END ")) {
			break
		}
		if line = bytes.TrimSpace(line); !base64Line.Match(line) {
			return unreadable(b, fmt.Sprintf("line %d of it is not base64", i+2), copyAgain)
		}
	}
	return unreadable(b, "its base64 is damaged", copyAgain)
}

var base64Line = regexp.MustCompile(`^[A-Za-z0-9+/]*=*$`)

// none says what a file without any PEM block is, with the command that converts it to PEM.
func (f *File) none(data []byte) {
	text, certFix, keyFix := format(data)
	if text != "" {
		text = "; " + text
	}
	f.certProblems = append(f.certProblems, Reason{About: Files, Text: "holds no PEM certificate" + text, Fix: certFix})
	f.keyProblems = append(f.keyProblems,
		Reason{About: Files, Text: "holds no PEM private key" + text, Fix: keyFix, Key: true})
}

// format names the format of a file without any PEM block. text is empty for a format that is not known.
func format(data []byte) (text, certFix, keyFix string) {
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(data, utf8BOM))
	begins := func(with string) bool { return bytes.HasPrefix(trimmed, []byte(with)) }
	switch {
	case len(trimmed) == 0:
		return "it is empty", "", ""
	case begins("\xff\xfe"), begins("\xfe\xff"):
		return "it is UTF-16", "iconv -f UTF-16 -t UTF-8 CERT > NEW", "iconv -f UTF-16 -t UTF-8 KEY > NEW"
	case begins("<"):
		return "it is a web page", "", ""
	case begins("PuTTY-User-Key-File"):
		return "it is a PuTTY key", "", "puttygen KEY -O private-openssh -o NEW"
	case begins("\xfe\xed\xfe\xed"):
		return "it is a Java key store", keytool, keytool
	case bytes.Contains(data, []byte("BEGIN ")):
		return "its BEGIN line is damaged: it has five hyphens before and behind, -----BEGIN …-----",
			copyAgain, copyAgain
	case data[0] == 0x30:
		return binary(data)
	}
	if inner, err := base64.StdEncoding.DecodeString(string(trimmed)); err == nil && begin.Match(inner) {
		return "it is base64 of a PEM file", "base64 -d CERT > NEW", "base64 -d KEY > NEW"
	}
	return "", "", ""
}

const (
	keytool = "keytool -importkeystore -srckeystore STORE -destkeystore NEW.p12 -deststoretype PKCS12; " +
		"openssl pkcs12 -in NEW.p12 -nodes -out NEW"
	copyAgain = "copy the file again as it was issued"
)

// binary names the format of a file that starts with an ASN.1 sequence.
func binary(data []byte) (text, certFix, keyFix string) {
	head := data[:min(len(data), 24)]
	if _, err := x509.ParseCertificate(data); err == nil {
		return "it is a certificate in DER, the binary format", "openssl x509 -inform DER -in CERT -out NEW", ""
	}
	if _, err := parseKey(data); err == nil {
		return "it is a key in DER, the binary format", "", "openssl pkey -inform DER -in KEY -out NEW"
	}
	const pkcs7 = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" // OID 1.2.840.113549.1.7.2, signed data
	if i := bytes.Index(head, []byte(pkcs7)); i > 0 && i < 6 {
		return "it is PKCS#7 in DER, the binary format", "openssl pkcs7 -inform DER -print_certs -in CERT -out NEW", ""
	}
	if i := bytes.Index(head, []byte("\x02\x01\x03\x30")); i > 0 && i < 7 {
		return "it is PKCS#12 (.pfx, .p12)", "openssl pkcs12 -in CERT -nokeys -out NEW",
			"openssl pkcs12 -in KEY -nocerts -nodes -out NEW"
	}
	return "it is in a binary format", "", ""
}
