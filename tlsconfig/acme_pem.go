package tlsconfig

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// marshalCertificate writes key and chain in one file, as autocert's own DirCache does: whole or not at all.
func marshalCertificate(cert *tls.Certificate) ([]byte, error) {
	key, ok := cert.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("cannot keep a key of type %T", cert.PrivateKey)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	for _, c := range cert.Certificate {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})...)
	}
	return data, nil
}

// parseCertificate is its inverse. The certificate must be for host; its dates do not matter here: one that has
// expired is better than none.
func parseCertificate(data []byte, host string) (*tls.Certificate, error) {
	if err := wholePEM(data); err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, errors.New("key and certificate are not a pair")
	}
	if err := cert.Leaf.VerifyHostname(host); err != nil {
		return nil, err
	}
	return &cert, nil
}
