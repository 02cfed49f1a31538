package localca

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// renewBefore is how much life a development certificate must have left to be used again.
const renewBefore = 30 * 24 * time.Hour

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

// ErrForeign means that another program or CA made the pair's files. They were left alone.
var ErrForeign = errors.New("not made by this program")

// Ensure leaves a usable pair in the request's files. It makes a new one if the old one is missing, near expiry,
// corrupt, mismatched, for other names, of another CA, or if git has its key. Unreadable files are kept as *.bad. Files
// of another CA are not touched (ErrForeign). Processes that call Ensure at the same time wait for each other.
func Ensure(req Request) (Result, error) {
	certs := filepath.Dir(req.CertFile)
	made := missing(req.CADir, certs, filepath.Dir(req.KeyFile))
	res, err := prepare(req)
	files := []string{filepath.Join(req.CADir, issuerFile), filepath.Join(req.CADir, RootFile),
		req.CertFile, req.KeyFile, filepath.Join(certs, "ca.pem")}
	for _, file := range files {
		made = append(made, file, file+".bad")
	}
	return res, errors.Join(err, req.Owner.take(made))
}

// preparation is one run of Ensure.
type preparation struct {
	Request
	certs   string // directory of the certificate
	project string // directory of the project, whose files tell whether the clock is right
	ca      *CA
	names   []string // those of the request that the CA may sign
	result  Result
}

func prepare(req Request) (Result, error) {
	certs := filepath.Dir(req.CertFile)
	p := &preparation{Request: req, certs: certs, project: filepath.Dir(certs)}
	err := p.run()
	return p.result, err
}

func (p *preparation) run() error {
	if err := p.openCA(); err != nil {
		return err
	}
	unlock, err := p.lock()
	if err != nil {
		if p.reuse() {
			return nil
		}
		return err
	}
	defer unlock()
	found, err := p.inspect()
	if err != nil {
		return err
	}
	if err := found.setAside(); err != nil {
		return err
	}
	p.alarmOfClock(found)
	if p.alarmOfGit() && found.why == "" {
		found.why = "git has its key"
	}
	p.result.Leaf, p.result.Why = found.leaf, found.why
	if found.why == "" {
		return protect(p.KeyFile)
	}
	return p.issue()
}

// openCA opens the CA, and sorts out the names that it may not sign.
func (p *preparation) openCA() (err error) {
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
	return nil
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

// reuse reports whether the pair in a folder that cannot be written is good, and takes it.
func (p *preparation) reuse() bool {
	found, _ := p.inspect()
	if found.why != "" || found.leaf == nil || protect(p.KeyFile) != nil {
		return false
	}
	p.result.Leaf = found.leaf
	return true
}

// alarmOfClock adds an alarm if CA or certificate are from the future because the clock is behind.
func (p *preparation) alarmOfClock(found finding) {
	now := time.Now()
	if !p.ca.fromFuture(now) && (found.leaf == nil || !now.Before(found.leaf.NotBefore)) {
		return
	}
	if behind := clockBehind(now, p.project); behind != "" {
		p.result.Alarms = append(p.result.Alarms, behind)
	}
}

// alarmOfGit adds an alarm if git tracks the key, and reports whether git has the key as it is now.
func (p *preparation) alarmOfGit() bool {
	tracked, same := inGit(p.KeyFile)
	if tracked {
		p.result.Alarms = append(p.result.Alarms, p.KeyFile+" is tracked by git, "+
			"so everybody with the repository has the key; run: git rm --cached -f "+p.KeyFile)
	}
	return same
}

// issue makes and writes a new pair.
func (p *preparation) issue() error {
	chain, key, err := p.ca.Issue(p.names)
	if err != nil {
		return err
	}
	// The key first: a program that reads between the two writes sees a mismatch, and knows to wait.
	err = errors.Join(WriteFile(p.KeyFile, key, 0o600), WriteFile(p.CertFile, chain, 0o644),
		WriteFile(filepath.Join(p.certs, "ca.pem"), p.ca.RootPEM(), 0o644))
	if err != nil {
		return fmt.Errorf("keeping the development certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return err
	}
	p.result.Leaf = pair.Leaf
	return nil
}
