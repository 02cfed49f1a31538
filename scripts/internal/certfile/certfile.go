// Package certfile reads certificates in PEM.
package certfile

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// Read returns the certificates of a PEM file, which may hold keys and other blocks too. A file without a certificate
// is an error.
func Read(file string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	certs, err := Parse(data)
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return certs, err
}

// Parse is Read for the content of a file.
func Parse(data []byte) (certs []*x509.Certificate, err error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, errors.New("it holds no certificate")
	}
	return certs, nil
}
