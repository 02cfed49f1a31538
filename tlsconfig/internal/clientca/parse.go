package clientca

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/osfile"
)

// read reads a file of CA certificates. The error says what in it is not one. The sum identifies what was read.
func read(file string) (pool *x509.CertPool, sum [32]byte, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		err = osfile.Cause(err)
		return nil, sha256.Sum256([]byte(err.Error())), err
	}
	pool, err = parse(data, time.Now())
	return pool, sha256.Sum256(data), err
}

// parse accepts only CA certificates, and at least one that has not expired. crypto/x509 would skip any other block
// without an error, and the operator would believe that it is trusted.
func parse(data []byte, now time.Time) (*x509.CertPool, error) {
	file := chain.Parse(data)
	certs, problems := file.Certificates()
	if len(problems) > 0 {
		return nil, chain.Verdict{Faults: problems}.Err()
	}
	if file.HoldsKey() {
		return nil, errors.New("holds a private key beside the certificates")
	}
	pool, valid := x509.NewCertPool(), false
	var expired time.Time // the last one
	for i, ca := range certs {
		// Certificates of version 1 have no constraints, and its roots are CAs.
		signs := ca.KeyUsage == 0 || ca.KeyUsage&x509.KeyUsageCertSign != 0
		if ca.Version >= 3 && !(ca.BasicConstraintsValid && ca.IsCA && signs) {
			return nil, fmt.Errorf("certificate %d in it, of %q, is not a CA certificate", i+1, ca.Subject.String())
		}
		if now.After(ca.NotAfter) {
			expired = ca.NotAfter
		} else {
			valid = true
		}
		pool.AddCert(ca)
	}
	if !valid {
		return nil, fmt.Errorf("every CA in it has expired, the last one on %s", expired.UTC().Format(time.RFC3339))
	}
	return pool, nil
}
