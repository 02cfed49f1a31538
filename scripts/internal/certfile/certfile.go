// Package certfile reads certificates from a PEM file.
package certfile

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

// Read returns the certificates of a PEM file, which may hold keys and other blocks too. A file without a certificate
// is an error.
func Read(file string) (certs []*x509.Certificate, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return certs, nil
}
