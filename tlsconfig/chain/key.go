package chain

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
)

const sshKey = "cp KEY NEW && ssh-keygen -p -N '' -m PEM -f NEW"

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
		if bytes.HasPrefix(b.Bytes, []byte("openssh-key-v1\x00\x00\x00\x00\x04none")) {
			problem(Reason{About: Files, Text: "is a key in OpenSSH's own format", Fix: sshKey})
		} else {
			problem(Reason{About: Files, Text: "is encrypted, in OpenSSH's own format", Fix: sshKey})
		}
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
	if err != nil {
		if _, err := x509.ParsePKIXPublicKey(der); err == nil {
			return nil, errors.New("it is a public key")
		}
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", key)
	}
	return signer, nil
}
