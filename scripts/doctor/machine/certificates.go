package machine

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/scripts/internal/certfile"
	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/localca"
)

const (
	makeAnew = "make dev makes a new one"

	// What is below these limits is replaced at the next start: see localca.
	caDays, leafDays = 90, 30
)

// authority checks the CA. It reads the CA's files itself, since localca.Open would repair what this is to report.
func (d *doctor) authority() {
	dir, err := localca.Dir(d.host.Getenv)
	if err != nil {
		d.wrong("ca", err.Error()+", so each project has a CA of its own, in certs/ca, which no browser trusts", "set it")
		return
	}
	d.caDir = dir
	root, err := certfile.Read(filepath.Join(dir, localca.RootFile))
	if errors.Is(err, fs.ErrNotExist) {
		d.wrong("ca", "there is none yet in "+dir, "make dev makes it")
		return
	}
	issuerFile := filepath.Join(dir, "issuer.pem")
	chain, err2 := certfile.Read(issuerFile)
	switch {
	case err != nil || err2 != nil:
		d.wrong("ca", errors.Join(err, err2).Error(), makeAnew+"; then: make trust")
		return
	case len(chain) != 2 || chain[1].CheckSignatureFrom(chain[0]) != nil:
		d.wrong("ca", issuerFile+" does not hold a root and an intermediate signed by it", makeAnew+"; then: make trust")
		return
	case !chain[0].Equal(root[0]):
		d.wrong("ca", localca.RootFile+" and issuer.pem in "+dir+" are of two different CAs", "make trust puts it right")
		return
	case d.now.Before(chain[1].NotBefore):
		d.wrong("ca", "it is from the future: valid from "+day(chain[1].NotBefore), "see the line on the clock; "+makeAnew)
		return
	}
	if left := d.days(chain[1].NotAfter); left < caDays {
		d.wrong("ca", fmt.Sprintf("it ends on %s, too soon to sign anything", day(chain[1].NotAfter)),
			makeAnew+"; then: make trust")
		return
	}
	if mode, open := readable(issuerFile); open {
		d.wrong("ca", fmt.Sprintf("others on this machine can read its key (mode %04o)", mode), "chmod 600 "+issuerFile)
	}
	if d.ca, _, err = localca.Open(dir); err == nil {
		d.root, err = truststore.OpenRoot(dir, true)
	}
	if err != nil {
		d.ca = nil
		d.wrong("ca", err.Error(), "make that directory yours to write")
		return
	}
	if d.ca.Permits("example.com") {
		d.note("ca", "DEV_CA_CONSTRAINTS=off: a program that gets its key can pose as any site to browsers that trust it",
			"when done: make untrust, then take the setting out")
	}
	d.ok("ca", fmt.Sprintf("%s, for %d more days, in %s", chain[0].Subject.CommonName, d.days(chain[1].NotAfter), dir))
}

// certificate checks the pair that the server will use.
func (d *doctor) certificate() {
	data, err := os.ReadFile(d.site.CertFile)
	if errors.Is(err, fs.ErrNotExist) {
		d.wrong("certificate", "there is none yet in "+d.site.CertFile, "make dev makes it")
		return
	}
	if err == nil && localca.Foreign(data) {
		d.wrong("certificate", d.site.CertFile+" was not made by the development CA, so the server will not start",
			"set TLS_MODE=files to serve it, or move it away")
		return
	}
	keyPEM, keyErr := os.ReadFile(d.site.KeyFile)
	if err := errors.Join(err, keyErr); err != nil {
		d.wrong("certificate", d.site.CertFile+" and "+d.site.KeyFile+" are no pair: "+err.Error(), makeAnew)
		return
	}
	pair := chain.Read(data, keyPEM)
	verdict := pair.Judge(nil, d.now)
	early := len(verdict.Served) > 0 && d.now.Before(verdict.Served[0].NotBefore) // then the path may be early too
	// The dates are checked below: a development pair is replaced before its end.
	faults := slices.DeleteFunc(verdict.Faults,
		func(r chain.Reason) bool { return r.About == chain.Dates || early && r.About == chain.Path })
	if len(faults) > 0 {
		problem := chain.Verdict{Faults: faults}.Err().Error()
		d.wrong("certificate", d.site.CertFile+" and "+d.site.KeyFile+" are no pair: "+problem, makeAnew)
		return
	}
	leaf := verdict.Served[0]
	left := d.days(leaf.NotAfter)
	switch {
	case early:
		d.wrong("certificate", "it is from the future: valid from "+day(leaf.NotBefore),
			"see the line on the clock; "+makeAnew)
	case left < leafDays:
		d.wrong("certificate", fmt.Sprintf("it ends on %s", day(leaf.NotAfter)),
			makeAnew+"; one that runs does so within the hour")
	case d.ca != nil && !d.ca.Issued(leaf):
		d.wrong("certificate", "it was signed by another development CA than the one that is here now", makeAnew)
	default:
		d.ok("certificate", fmt.Sprintf("%s, for %d more days, renewed by itself", d.site.CertFile, left))
	}
	if d.ca != nil {
		d.certificateNames(leaf)
	}
}

// certificateNames checks whether the certificate is for every name that the server would have in it.
func (d *doctor) certificateNames(leaf *x509.Certificate) {
	var missing []string
	for _, name := range localca.Names(d.site.Project, d.site.Domains) {
		if d.ca.Permits(name) && leaf.VerifyHostname(name) != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		d.wrong("names", "the certificate is not for "+strings.Join(missing, ", "),
			makeAnew+"; one that runs does so within the hour")
	} else {
		d.ok("names", "the certificate is for localhost and all of today's private addresses")
	}
	for _, name := range d.site.Domains {
		if !d.ca.Permits(name) {
			d.note("names", name+" of DOMAINS is a public name, which the development CA may not sign",
				"for this machine use a private one, such as shop.test")
		}
	}
}

func (d *doctor) days(end time.Time) int { return int(end.Sub(d.now).Hours() / 24) }

func day(t time.Time) string { return t.Format(time.DateOnly) }
