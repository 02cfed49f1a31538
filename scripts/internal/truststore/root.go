package truststore

import (
	"context"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"example.com/turnkey/tlsconfig/localca"
)

// Root is the certificate to trust.
type Root struct {
	File string // PEM
	Cert *x509.Certificate

	// Proof is a certificate for localhost and its intermediate, PEM, as a server of this CA would send them. A program
	// that trusts the root accepts it.
	Proof []byte
}

// OpenRoot opens the CA in dir and, unless mustExist is set, makes it when there is none.
func OpenRoot(dir string, mustExist bool) (*Root, error) {
	if file := filepath.Join(dir, localca.RootFile); mustExist && !exists(file) {
		return nil, fmt.Errorf("there is no development CA yet in %s; make it: go run ./scripts/devcert", dir)
	}
	ca, _, err := localca.Open(dir)
	if err != nil {
		return nil, err
	}
	proof, _, err := ca.Issue([]string{"localhost"})
	return &Root{File: filepath.Join(dir, localca.RootFile), Cert: ca.Root(), Proof: proof}, err
}

// Name returns the root's common name. It contains a fingerprint, so that two CAs have different names.
func (r *Root) Name() string { return r.Cert.Subject.CommonName }

// sha1 returns the fingerprint by which Windows and macOS identify a certificate.
func (r *Root) sha1() string {
	sum := sha1.Sum(r.Cert.Raw)
	return hex.EncodeToString(sum[:])
}

const (
	verifyCommand = "verify-with-the-system"
	exitRefused   = 3
)

// ServeVerify is the process that a Host starts to verify a chain: this program, as Executable. It exits if the
// arguments are those of such a call, so call it at the top of main. A new process is needed since Go reads the
// system's roots only once.
func ServeVerify(args []string, stdin io.Reader) {
	if len(args) != 2 || args[1] != verifyCommand {
		return
	}
	proof, err := io.ReadAll(stdin)
	if err == nil {
		err = verify(proof)
	}
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, err) // systems have different messages for an unknown root
	os.Exit(exitRefused)
}

// verify verifies a server's chain for localhost with the system's roots.
func verify(chain []byte) error {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return errors.New("no certificate to verify")
	}
	opts := x509.VerifyOptions{DNSName: "localhost", Intermediates: x509.NewCertPool()}
	for _, cert := range certs[1:] {
		opts.Intermediates.AddCert(cert)
	}
	_, err := certs[0].Verify(opts)
	return err
}

// systemAccepts reports whether the system's own store trusts the root.
func (h *Host) systemAccepts(ctx context.Context, root *Root) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.Executable, verifyCommand)
	cmd.Stdin = strings.NewReader(string(root.Proof))
	for _, pair := range os.Environ() {
		// These two variables replace the store for Go and OpenSSL.
		if !strings.HasPrefix(pair, "SSL_CERT_FILE=") && !strings.HasPrefix(pair, "SSL_CERT_DIR=") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitRefused {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking the system's store: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return true, nil
}
