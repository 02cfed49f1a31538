package truststore

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"example.com/turnkey/scripts/internal/process"
	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/localca"
	"example.com/turnkey/tlsconfig/osfile"
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
	file := filepath.Join(dir, localca.RootFile)
	if mustExist && !exists(file) {
		return nil, fmt.Errorf("there is no development CA yet in %s; make it: go run ./scripts/devcert", dir)
	}
	ca, _, err := localca.Open(dir)
	if err != nil {
		return nil, err
	}
	proof, _, err := ca.Issue([]string{"localhost"})
	return &Root{File: file, Cert: ca.Root(), Proof: proof}, err
}

// Name returns the root's common name. It contains a fingerprint, so that two CAs have different names.
func (r *Root) Name() string { return r.Cert.Subject.CommonName }

// SHA256 returns the root's fingerprint in lower case and without colons.
func (r *Root) SHA256() string { return fmt.Sprintf("%x", sha256.Sum256(r.Cert.Raw)) }

// sha1 returns the fingerprint by which Windows and macOS identify a certificate.
func (r *Root) sha1() string { return fmt.Sprintf("%x", sha1.Sum(r.Cert.Raw)) }

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
func verify(proof []byte) error {
	certs, problems := chain.Parse(proof).Certificates()
	if len(problems) > 0 {
		return chain.Verdict{Faults: problems}.Err()
	}
	opts := x509.VerifyOptions{DNSName: "localhost", Intermediates: x509.NewCertPool()}
	for _, cert := range certs[1:] {
		opts.Intermediates.AddCert(cert)
	}
	_, err := certs[0].Verify(opts)
	return err
}

// accepts reports whether the system's own store trusts the root.
func (m machine) accepts(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.Executable, verifyCommand)
	cmd.Stdin = strings.NewReader(string(m.root.Proof))
	cmd.Env = slices.DeleteFunc(os.Environ(), func(pair string) bool {
		// These two variables replace the store for Go and OpenSSL.
		return strings.HasPrefix(pair, "SSL_CERT_FILE=") || strings.HasPrefix(pair, "SSL_CERT_DIR=")
	})
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitRefused {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking the system's store: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return true, nil
}

// Answers of the user to the question whether browsers should trust the CA.
const (
	Yes   = "yes"
	No    = "no"
	Later = "later" // the user was not asked: no store could be changed
)

// answerFile is in the CA's directory, since all projects share the CA. make.mk checks it too: while the file is newer
// than the CA, make dev starts no program to ask.
const answerFile = "asked"

// Asked returns the answer for this root, or "" if there is none. A no holds for later roots too. A yes does not, since
// it was for one root.
func Asked(caDir string, root *Root) string {
	data, _ := os.ReadFile(filepath.Join(caDir, answerFile))
	answer, fingerprint, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	if answer == No || root != nil && fingerprint == root.SHA256() {
		return answer
	}
	return ""
}

// SaveAnswer saves the answer. root may be nil with No.
func SaveAnswer(caDir, answer string, root *Root) error {
	if root != nil {
		answer += " " + root.SHA256()
	}
	return osfile.Write(filepath.Join(caDir, answerFile), []byte(answer+"\n"), 0o600)
}

// Hint is a command for a program that reads no store, so that it trusts the root. The user runs it by hand.
type Hint struct {
	Program string `json:"program"`
	Line    string `json:"line"`
	Note    string `json:"note,omitempty"`
}

// Hints returns a hint for each program that has roots of its own. url is the site's.
func (h *Host) Hints(root *Root, url string) []Hint {
	file, set, once := process.Line(false, root.File), "export ", " "
	if h.OS == "windows" { // PowerShell
		file, set, once = `"`+root.File+`"`, "$env:", "; "
	}
	hints := []Hint{
		{"curl", "curl --cacert " + file + " " + url + "/", ""},
		{"Node", set + "NODE_EXTRA_CA_CERTS=" + file, "beside the public roots; node --use-system-ca reads the system's"},
		{"Python", strings.TrimPrefix(set, "export ") + "SSL_CERT_FILE=" + file + once + "python3 app.py",
			"in place of the public roots; requests reads REQUESTS_CA_BUNDLE"},
		{"Java", "keytool -importcert -noprompt -alias turnkey-dev-root -storepass changeit -keystore turnkey.p12 -file " +
			file, "then java -Djavax.net.ssl.trustStore=turnkey.p12 -Djavax.net.ssl.trustStorePassword=changeit …, in " +
			"place of the public roots"},
	}
	if h.Getenv("SSL_CERT_FILE") != "" && h.OS == "linux" {
		hints = append(hints, Hint{"this shell", "unset SSL_CERT_FILE",
			"it is set, so most programs started here read that file and not the system store"})
	}
	return hints
}
