package machine

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/scripts/doctor/report"
	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/localca"
	"example.com/turnkey/tlsconfig/osfile"
)

const (
	makeAnew = "make dev makes a new one"
	byItself = "; a running server does so within the hour"
	caDays   = 90 // below it, the CA is replaced at the next start: see localca
)

// authority checks the CA. It reads the CA's files itself, since localca.Open would repair the faults.
func (d *doctor) authority() {
	dir, err := localca.Dir(d.host.Getenv)
	if err != nil {
		d.Wrong("ca", err.Error()+", so each project has a CA of its own, in certs/ca, which no browser trusts", "set it")
		return
	}
	d.caDir = dir
	root, err := chain.ReadCertificates(filepath.Join(dir, localca.RootFile))
	if errors.Is(err, fs.ErrNotExist) {
		d.Wrong("ca", "there is none yet in "+dir, "make dev makes it")
		return
	}
	issuerFile := filepath.Join(dir, "issuer.pem")
	issuer, err2 := chain.ReadCertificates(issuerFile) // the root, then the intermediate
	found, fix := "", makeAnew+"; then: make trust"
	switch err := errors.Join(err, err2); {
	case err != nil:
		found = "its files in " + dir + " cannot be read: " + err.Error()
	case len(issuer) != 2 || issuer[1].CheckSignatureFrom(issuer[0]) != nil:
		found = issuerFile + " does not hold a root and an intermediate signed by it"
	case !issuer[0].Equal(root[0]):
		found, fix = localca.RootFile+" and issuer.pem in "+dir+" are of two different CAs", "make trust fixes it"
	case d.now.Before(issuer[1].NotBefore):
		found, fix = "it is not valid yet: valid from "+day(issuer[1].NotBefore), "see the line on the clock; "+makeAnew
	case d.days(issuer[1].NotAfter) < caDays:
		found = "it expires on " + day(issuer[1].NotAfter) + ", too soon to sign anything"
	}
	if found != "" {
		d.Wrong("ca", found, fix)
		return
	}
	if open := exposed(issuerFile); open != "" {
		d.Wrong("ca", open, "chmod 600 "+issuerFile)
	}
	ca, _, err := localca.Open(dir)
	if err == nil {
		d.root, err = truststore.OpenRoot(dir, true)
	}
	if err != nil {
		d.Wrong("ca", err.Error(), "make that directory writable for this user")
		return
	}
	if d.ca = ca; ca.Permits("example.com") {
		d.Note("ca", "DEV_CA_CONSTRAINTS=off: a program that gets its key can pose as any site to browsers that trust it",
			"when done: make untrust, then remove the setting")
	}
	d.OK("ca", fmt.Sprintf("%s, for %d more days, in %s", root[0].Subject.CommonName, d.days(issuer[1].NotAfter), dir))
}

// certificate checks the pair that the server will use.
func (d *doctor) certificate() {
	data, err := os.ReadFile(d.site.CertFile)
	if errors.Is(err, fs.ErrNotExist) {
		d.Wrong("certificate", "there is none yet in "+d.site.CertFile, "make dev makes it")
		return
	}
	if err == nil && localca.Foreign(data) {
		d.Wrong("certificate", d.site.CertFile+" was not made by the development CA, so the server will not start",
			"set TLS_MODE=files to serve it, or move it away")
		return
	}
	keyPEM, keyErr := os.ReadFile(d.site.KeyFile)
	pair := chain.Read(data, keyPEM)
	verdict := pair.Judge(nil, d.now)
	early := len(verdict.Served) > 0 && d.now.Before(verdict.Served[0].NotBefore) // then the path may be early too
	// The dates are checked below: a development pair is replaced before its end.
	verdict.Faults = slices.DeleteFunc(verdict.Faults,
		func(r chain.Reason) bool { return r.About == chain.Dates || early && r.About == chain.Path })
	if err := cmp.Or(err, keyErr, verdict.Err()); err != nil {
		d.Wrong("certificate", d.site.CertFile+" and "+d.site.KeyFile+" are no pair: "+err.Error(), makeAnew)
		return
	}
	leaf := verdict.Served[0]
	left := d.days(leaf.NotAfter)
	d.First("certificate", report.Cases{
		{early, wrong, "it is not valid yet: valid from " + day(leaf.NotBefore), "see the line on the clock; " + makeAnew},
		{leaf.NotAfter.Sub(d.now) < chain.Margin(leaf), wrong, "it expires on " + day(leaf.NotAfter), makeAnew + byItself},
		{d.ca != nil && !d.ca.Issued(leaf), wrong, "it was signed by another development CA than the one here now", makeAnew},
		{true, good, fmt.Sprintf("%s, for %d more days, renewed automatically", d.site.CertFile, left), ""},
	})
	open := exposed(d.site.KeyFile)
	d.First("key", report.Cases{
		{open != "", wrong, open, "chmod 600 " + d.site.KeyFile},
		{true, good, d.site.KeyFile + " is readable by you alone", ""},
	})
	if d.ca != nil {
		d.certificateNames(leaf)
	}
}

// certificateNames checks whether the certificate is for every name that the server would have in it.
func (d *doctor) certificateNames(leaf *x509.Certificate) {
	missing := slices.DeleteFunc(localca.Names(d.site.Project, d.site.Domains),
		func(name string) bool { return !d.ca.Permits(name) || leaf.VerifyHostname(name) == nil })
	if len(missing) > 0 {
		d.Wrong("names", "the certificate is not for "+strings.Join(missing, ", "), makeAnew+byItself)
	} else {
		d.OK("names", "the certificate is for localhost and all of today's private addresses")
	}
	for _, name := range d.site.Domains {
		if !d.ca.Permits(name) {
			d.Note("names", name+" of DOMAINS is a public name, which the development CA may not sign",
				"for this machine use a private one, such as shop.test")
		}
	}
}

// exposed says that other users than the owner can read a file, on systems whose files have such modes. It is empty if
// they cannot.
func exposed(file string) string {
	mode, ok := osfile.Mode(file)
	if !ok || mode&0o077 == 0 {
		return ""
	}
	return fmt.Sprintf("others on this machine can read %s (mode %04o)", file, mode)
}

// git checks that the key is not committed. Without git or a repository there is nothing to report.
func (d *doctor) git(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cert, key := d.site.CertFile, d.site.KeyFile
	out, err := exec.CommandContext(ctx, "git", "ls-files", "--", key).Output()
	if err == nil && len(out) > 0 {
		d.Wrong("git", "git tracks "+key+": everyone with a copy of the repository has the key",
			fmt.Sprintf("git rm --cached -f %s && git commit -m 'Untrack the key' && rm %[1]s %s; then: make dev", key, cert))
	} else if err == nil {
		d.OK("git", "git does not track the key")
	}
}

func (d *doctor) days(end time.Time) int { return int(end.Sub(d.now).Hours() / 24) }

func day(t time.Time) string { return t.Format(time.DateOnly) }
