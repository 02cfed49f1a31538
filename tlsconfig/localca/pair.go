package localca

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/osfile"
)

// Request says which pair a project needs. The files and CADir are required.
type Request struct {
	CertFile, KeyFile string   // the pair; the root is copied beside CertFile as ca.pem
	CADir             string   // see Dir
	Names             []string // of the certificate; see Names
	Owner             *Owner   // of all that is made; nil: the user who runs this. See Invoker
}

// Result is what Ensure found or did.
type Result struct {
	Why     string // why a new pair was made; empty if the old one is still good
	MadeCA  bool   // a new CA was made, which no browser trusts yet
	Leaf    *x509.Certificate
	Skipped []string // names of the request that the CA may not sign
	Alarms  []string // what a developer must not overlook, each with what to do

	whyCA string // why a new CA was made
}

// Lines tells a developer what Ensure did, and what to do next.
func (r Result) Lines(req Request) []string {
	var lines []string
	if r.MadeCA {
		limits := "it can sign for private names only (localhost, *.test, *.local, LAN addresses), " +
			"which cannot be changed: the key of its root was deleted"
		if isUnconstrained(req.CADir) {
			limits = "it can sign for any site on the internet, and so can every program that reads the key in there"
		}
		lines = append(lines, "local CA     made in "+req.CADir, "             "+limits)
		if r.whyCA != caFirst {
			lines = append(lines, "             "+r.whyCA+"; for browsers to trust the new one: make trust")
		}
	}
	until := "until " + r.Leaf.NotAfter.Format(time.DateOnly) + ", renewed automatically"
	if r.Why != "" {
		lines = append(lines,
			"certificate  made "+req.CertFile+" and "+req.KeyFile+" ("+r.Why+"), "+until,
			"             for "+strings.Join(certNames(r.Leaf), ", "))
	} else {
		lines = append(lines, "certificate  "+req.CertFile+" "+until)
	}
	if len(r.Skipped) > 0 {
		lines = append(lines, "             not for "+strings.Join(r.Skipped, ", ")+
			": the local CA signs private names only, such as shop.test")
	}
	return lines
}

// ErrForeign means that another program or CA made the pair's files. Ensure has not changed them.
var ErrForeign = errors.New("not made by this program")

// Ensure leaves a usable pair in the request's files. It makes a new one if the old one is missing, near expiry,
// corrupt, mismatched, for other names, of another CA, or if git has its key. Unreadable files are kept as *.bad. Files
// of another CA are not touched (ErrForeign). Processes that call Ensure at the same time wait for each other.
func Ensure(req Request) (Result, error) {
	certs := filepath.Dir(req.CertFile)
	made := missing(req.CADir, certs, filepath.Dir(req.KeyFile))
	p := &preparation{Request: req, certs: certs, project: filepath.Dir(certs)}
	err := p.run()
	for _, file := range []string{filepath.Join(req.CADir, issuerFile), filepath.Join(req.CADir, RootFile),
		req.CertFile, req.KeyFile, filepath.Join(certs, "ca.pem")} {
		made = append(made, file, file+".bad")
	}
	return p.result, errors.Join(err, req.Owner.take(made))
}

type preparation struct {
	Request
	certs   string // directory of the certificate
	project string // directory of the project, whose files tell whether the clock is right
	ca      *CA
	names   []string // those of the request that the CA may sign
	result  Result
}

func (p *preparation) run() (err error) {
	if p.ca, p.result.whyCA, err = open(p.CADir, p.project); err != nil {
		return err
	}
	p.result.MadeCA = p.result.whyCA != ""
	for _, name := range p.Names {
		if p.ca.Permits(name) {
			p.names = append(p.names, name)
		} else {
			p.result.Skipped = append(p.result.Skipped, name)
		}
	}
	unlock, err := p.lock()
	if err != nil {
		// A good pair is used even if its folder cannot be written.
		if found, _ := p.inspect(); found.why == "" && found.leaf != nil && protect(p.KeyFile) == nil {
			p.result.Leaf = found.leaf
			return nil
		}
		return err
	}
	defer unlock()
	found, err := p.inspect()
	if err != nil {
		return err
	}
	p.alarmOfClock(found.leaf)
	if p.alarmOfGit() && found.why == "" {
		found.why = "git has its key"
	}
	p.result.Leaf, p.result.Why = found.leaf, found.why
	if found.why == "" {
		return protect(p.KeyFile)
	}
	if found.unusable {
		for _, file := range []string{p.CertFile, p.KeyFile} {
			if err := os.Rename(file, file+".bad"); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return p.issue()
}

// lock makes the pair's directories, and waits for other processes that use them. An error of it means that they cannot
// be written.
func (p *preparation) lock() (unlock func(), err error) {
	for _, dir := range []string{p.certs, filepath.Dir(p.KeyFile)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("making the directory of the certificate: %w", err)
		}
	}
	return lock(filepath.Join(p.certs, ".lock"))
}

type finding struct {
	leaf     *x509.Certificate // nil when it cannot be read
	why      string            // why the pair cannot be used; empty if it can
	unusable bool              // the files that are there are to be kept as *.bad
}

// inspect looks at the pair in the request's files. It changes nothing.
func (p *preparation) inspect() (finding, error) {
	certData, certErr := os.ReadFile(p.CertFile)
	keyData, keyErr := os.ReadFile(p.KeyFile)
	for _, err := range []error{certErr, keyErr} {
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return finding{}, fmt.Errorf("reading the development certificate: %w", err)
		}
	}
	switch {
	case certErr != nil && keyErr != nil:
		return finding{why: "there was none"}, nil
	case Foreign(certData):
		return finding{}, fmt.Errorf("%s: %w", p.CertFile, ErrForeign)
	case certErr != nil || keyErr != nil:
		return finding{why: "half of it was missing", unusable: true}, nil
	}
	pair := chain.Read(certData, keyData)
	verdict := pair.Judge(nil, time.Now())
	if len(pair.Problems) > 0 || len(verdict.Served) == 0 {
		return finding{why: "it was corrupt or mismatched (kept as *.bad)", unusable: true}, nil
	}
	found := finding{leaf: verdict.Served[0]}
	switch {
	case !p.ca.Issued(found.leaf):
		found.why = "the development CA is another one now"
	case time.Until(found.leaf.NotAfter) < chain.Margin(found.leaf):
		found.why = "it expires on " + found.leaf.NotAfter.Format(time.DateOnly)
	case time.Now().Before(found.leaf.NotBefore):
		found.why = "it was not valid yet"
	case !slices.Equal(slices.Sorted(slices.Values(p.names)), slices.Sorted(slices.Values(certNames(found.leaf)))):
		found.why = "the names changed"
	case verdict.Alone:
		found.why = "the certificate that signed it was missing"
	}
	return found, nil
}

// Foreign reports whether the leaf in a PEM file is of another CA. It is false for a leaf that cannot be parsed.
func Foreign(data []byte) bool {
	leaf := parseLeaf(data)
	return leaf != nil && !slices.Contains(leaf.Issuer.Organization, Organization)
}

// parseLeaf reads the first certificate of a PEM file; nil: there is none.
func parseLeaf(data []byte) *x509.Certificate {
	certs, _ := chain.Parse(data).Certificates()
	if len(certs) == 0 {
		return nil
	}
	return certs[0]
}

// alarmOfClock adds an alarm if CA or certificate are from the future because the clock is behind.
func (p *preparation) alarmOfClock(leaf *x509.Certificate) {
	now := time.Now()
	if p.ca.fromFuture(now) || leaf != nil && now.Before(leaf.NotBefore) {
		if behind := clockBehind(now, p.project); behind != "" {
			p.result.Alarms = append(p.result.Alarms, behind)
		}
	}
}

// alarmOfGit adds an alarm if git tracks the key, and reports whether git has the key as it is now.
func (p *preparation) alarmOfGit() bool {
	tracked, same := inGit(p.KeyFile)
	if tracked {
		p.result.Alarms = append(p.result.Alarms, p.KeyFile+" is tracked by git, "+
			"so everyone with a copy of the repository has the key; run: git rm --cached -f "+p.KeyFile)
	}
	return same
}

func (p *preparation) issue() error {
	certPEM, keyPEM, err := p.ca.Issue(p.names)
	if err != nil {
		return err
	}
	p.result.Leaf = parseLeaf(certPEM)
	// The key first: a program that reads between the two writes sees a mismatch, and knows to wait.
	err = errors.Join(osfile.Write(p.KeyFile, keyPEM, 0o600), osfile.Write(p.CertFile, certPEM, 0o644),
		osfile.Write(filepath.Join(p.certs, "ca.pem"), p.ca.RootPEM(), 0o644))
	if err != nil {
		return fmt.Errorf("keeping the development certificate: %w", err)
	}
	return nil
}
