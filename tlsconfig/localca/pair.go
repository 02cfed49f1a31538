package localca

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/chain"
)

// renewBefore is how much life a development certificate must have left to be used again.
const renewBefore = 30 * 24 * time.Hour

// Request says which pair a project needs. The files and CADir are required.
type Request struct {
	CertFile, KeyFile string   // where the pair lives; the root is copied beside CertFile as ca.pem
	CADir             string   // see Dir
	Names             []string // beside the ones every development certificate has; see Names
	Owner             *Owner   // of all that is made; nil: whoever runs this. See Invoker
}

// Result is what Ensure found or did.
type Result struct {
	Why     string // why a new pair was made; empty when the one there serves on
	MadeCA  bool   // a new CA was made, which nobody trusts yet
	Leaf    *x509.Certificate
	Skipped []string // names asked for that the CA may not sign
	Alarms  []string // what nobody should overlook, each with what to do

	whyCA string
}

// ErrForeign says that the files at the pair's place were made by somebody else, and were left alone.
var ErrForeign = errors.New("not made by this program")

// Ensure leaves a usable pair at the request's place: the one there, or a new one when it is missing, near expiry,
// corrupt, mismatched, for other names, of another CA, or its key known to git. Unreadable files are kept as *.bad;
// somebody else's are never touched (ErrForeign). Processes that run it at once take turns.
func Ensure(req Request) (Result, error) {
	certs := filepath.Dir(req.CertFile)
	made := missing(req.CADir, certs, filepath.Dir(req.KeyFile))
	res, err := prepare(req)
	files := []string{filepath.Join(req.CADir, issuerFile), filepath.Join(req.CADir, RootFile), req.CertFile, req.KeyFile, filepath.Join(certs, "ca.pem")}
	for _, file := range files {
		made = append(made, file, file+".bad")
	}
	return res, errors.Join(err, req.Owner.take(made))
}

func prepare(req Request) (res Result, err error) {
	certs := filepath.Dir(req.CertFile)
	project := filepath.Dir(certs)
	ca, whyCA, err := open(req.CADir, project)
	if err != nil {
		return res, err
	}
	res.MadeCA, res.whyCA = whyCA != "", whyCA
	var names []string
	for _, name := range req.Names {
		if ca.Permits(name) {
			names = append(names, name)
		} else {
			res.Skipped = append(res.Skipped, name)
		}
	}
	for _, dir := range []string{certs, filepath.Dir(req.KeyFile)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return res, fmt.Errorf("making the directory of the certificate: %w", err)
		}
	}
	unlock, err := lock(filepath.Join(certs, ".lock"))
	if err != nil {
		// A good pair serves from a folder that cannot be written, too.
		if found, _ := inspect(req, ca, names); found.why == "" && found.leaf != nil && protect(req.KeyFile) == nil {
			res.Leaf = found.leaf
			return res, nil
		}
		return res, err
	}
	defer unlock()

	found, err := inspect(req, ca, names)
	if err != nil {
		return res, err
	}
	for _, file := range found.aside {
		if err := os.Rename(file, file+".bad"); err != nil {
			return res, err
		}
	}
	now := time.Now()
	if ca.fromFuture(now) || found.leaf != nil && now.Before(found.leaf.NotBefore) {
		if behind := clockBehind(now, project); behind != "" {
			res.Alarms = append(res.Alarms, behind)
		}
	}
	kept, same := inGit(req.KeyFile)
	if kept {
		res.Alarms = append(res.Alarms, req.KeyFile+" is tracked by git, so everybody with the repository has the key; run: git rm --cached -f "+req.KeyFile)
		if same && found.why == "" {
			found.why = "git has its key"
		}
	}
	res.Leaf, res.Why = found.leaf, found.why
	if res.Why == "" {
		return res, protect(req.KeyFile)
	}
	chain, key, err := ca.Issue(names)
	if err != nil {
		return res, err
	}
	// The key first: whoever reads between the two writes sees a mismatch, and knows to wait.
	err = errors.Join(WriteFile(req.KeyFile, key, 0o600), WriteFile(req.CertFile, chain, 0o644),
		WriteFile(filepath.Join(certs, "ca.pem"), ca.RootPEM(), 0o644))
	if err != nil {
		return res, fmt.Errorf("keeping the development certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return res, err
	}
	res.Leaf = pair.Leaf
	return res, nil
}

// finding is what is at the request's place.
type finding struct {
	leaf  *x509.Certificate // nil when it cannot be read
	why   string            // the pair cannot serve; empty when it can
	aside []string          // unusable files to keep out of the way
}

// inspect changes nothing.
func inspect(req Request, ca *CA, names []string) (finding, error) {
	certData, certErr := os.ReadFile(req.CertFile)
	keyData, keyErr := os.ReadFile(req.KeyFile)
	if errors.Is(certErr, os.ErrNotExist) && errors.Is(keyErr, os.ErrNotExist) {
		return finding{why: "there was none"}, nil
	}
	for _, err := range []error{certErr, keyErr} {
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return finding{}, fmt.Errorf("reading the development certificate: %w", err)
		}
	}
	if certErr == nil && Foreign(certData) {
		return finding{}, fmt.Errorf("%s: %w", req.CertFile, ErrForeign)
	}
	if certErr != nil {
		return finding{why: "half of it was missing", aside: []string{req.KeyFile}}, nil
	}
	if keyErr != nil {
		return finding{why: "half of it was missing", aside: []string{req.CertFile}}, nil
	}
	pair := chain.Read(certData, keyData)
	verdict := pair.Judge(nil, time.Now())
	if len(pair.Problems) > 0 || len(verdict.Served) == 0 {
		return finding{why: "it was corrupt or mismatched (kept as *.bad)", aside: []string{req.CertFile, req.KeyFile}}, nil
	}
	leaf := verdict.Served[0]
	switch {
	case !ca.Issued(leaf):
		return finding{leaf: leaf, why: "the development CA is another one now"}, nil
	case time.Until(leaf.NotAfter) < renewBefore:
		return finding{leaf: leaf, why: fmt.Sprintf("it expires on %s", leaf.NotAfter.Format(time.DateOnly))}, nil
	case time.Now().Before(leaf.NotBefore):
		return finding{leaf: leaf, why: "it is from the future"}, nil
	case !slices.Equal(sorted(names), sorted(certNames(leaf))):
		return finding{leaf: leaf, why: "the names changed"}, nil
	case verdict.Alone:
		return finding{leaf: leaf, why: "the certificate that signed it was missing"}, nil
	}
	return finding{leaf: leaf}, nil
}

// Foreign says whether a PEM file's leaf is somebody else's work. What cannot be parsed is nobody's.
func Foreign(data []byte) bool {
	cert, err := parseLeaf(data)
	return err == nil && !slices.Contains(cert.Issuer.Organization, Organization)
}

// Lines tells a developer what Ensure did, and what can be done next.
func (r Result) Lines(req Request) []string {
	var lines []string
	if r.MadeCA {
		limits := "it can vouch for private names only (localhost, *.test, *.local, LAN addresses), and its root key is gone"
		if isUnconstrained(req.CADir) {
			limits = "it can vouch for any site on the internet; its root key is gone, its issuing key is not"
		}
		lines = append(lines, "local CA     made in "+req.CADir, "             "+limits)
		if r.whyCA != caFirst {
			lines = append(lines, "             "+r.whyCA+"; for browsers to trust the new one: make trust")
		}
	}
	until := "until " + r.Leaf.NotAfter.Format(time.DateOnly) + ", renewed by itself"
	if r.Why != "" {
		lines = append(lines,
			"certificate  made "+req.CertFile+" and "+req.KeyFile+" ("+r.Why+"), "+until,
			"             for "+strings.Join(certNames(r.Leaf), ", "))
	} else {
		lines = append(lines, "certificate  "+req.CertFile+" "+until)
	}
	if len(r.Skipped) > 0 {
		lines = append(lines, "             not for "+strings.Join(r.Skipped, ", ")+": the local CA signs private names only, such as shop.test")
	}
	return lines
}

// Names are those that a development certificate of a project should have: the local ones, this machine's own and
// its private addresses, then extra. Every name is lower case and there once.
func Names(project string, extra []string) []string {
	names := []string{"localhost", project + ".localhost", "host.docker.internal", "127.0.0.1", "::1"}
	if h := hostname(); dnsName(h) {
		names = append(names, h)
		if !strings.Contains(h, ".") {
			names = append(names, h+".local")
		}
	}
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.IsPrivate() {
				names = append(names, n.IP.String())
			}
		}
	}
	var out []string
	for _, n := range append(names, extra...) {
		if n = strings.ToLower(n); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// dnsName keeps machine names that no certificate can carry (spaces, underscores, apostrophes) out of ours.
func dnsName(s string) bool {
	return s != "" && len(s) < 254 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" &&
		!strings.Contains(s, "..") && !strings.HasPrefix(s, "-") && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, "-")
}

func certNames(leaf *x509.Certificate) []string {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// parseLeaf reads the first certificate of a PEM file.
func parseLeaf(data []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errors.New("no certificate")
}
