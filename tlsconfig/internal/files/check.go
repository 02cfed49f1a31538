package files

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/osfile"
	"example.com/turnkey/tlsconfig/setting"
)

// Check returns the faults of every pair. If there are none, it checks that the pairs cover every domain.
func Check(o Options) []setting.Fault {
	if len(o.CertFiles) == 0 {
		return []setting.Fault{{Setting: "TLS_CERT_FILE", Problem: "required by TLS_MODE=files",
			Fix: "name your certificate chain, e.g. TLS_CERT_FILE=/etc/letsencrypt/live/example.com/fullchain.pem"}}
	}
	if len(o.CertFiles) != len(o.KeyFiles) {
		return []setting.Fault{{Setting: "TLS_KEY_FILE", Value: strings.Join(o.KeyFiles, ","),
			Problem: fmt.Sprintf("%d keys for %d certificates", len(o.KeyFiles), len(o.CertFiles)),
			Fix:     "name one key for each file of TLS_CERT_FILE, in the same order"}}
	}
	var faults []setting.Fault
	var certs []*tls.Certificate
	for i := range o.CertFiles {
		p := o.pair(i)
		c, v := p.read().judge(nil, o)
		if c != nil {
			certs = append(certs, c)
		}
		for _, r := range v.Faults {
			faults = append(faults, p.fault(r))
		}
	}
	if len(certs) < len(o.CertFiles) {
		return faults // the missing pair may be the one for a domain below
	}
	all := cert.NewSnapshot(certs)
	for _, domain := range o.Domains {
		if !all.Covers(domain) {
			faults = append(faults, setting.Fault{Setting: "TLS_CERT_FILE", Value: strings.Join(o.CertFiles, ","),
				Problem: "no certificate in it is for " + domain,
				Fix:     "add the certificate for " + domain + ", or remove the name from DOMAINS"})
		}
	}
	return faults
}

// fault makes a reason a fault of the setting that it is about. If a command fixes the file, the fix is this command.
func (p *pair) fault(r chain.Reason) setting.Fault {
	f := setting.Fault{Setting: "TLS_CERT_FILE", Value: p.certFile, Problem: r.Text,
		Fix: fmt.Sprintf("point TLS_CERT_FILE and TLS_KEY_FILE at a current certificate chain and its own key; "+
			"the key now is %q", p.keyFile)}
	if r.Key {
		f.Setting, f.Value = "TLS_KEY_FILE", p.keyFile
		f.Fix = fmt.Sprintf("point TLS_KEY_FILE at the key of TLS_CERT_FILE=%q", p.certFile)
	}
	if r.Fix != "" {
		f.Fix = strings.NewReplacer(" CERT ", " "+p.certFile+" ", " KEY ", " "+p.keyFile+" ").Replace(r.Fix)
	}
	return f
}

// Notes returns what an operator should know about the pairs, although the server starts with them.
func Notes(o Options) []string {
	var notes []string
	for i := range min(len(o.CertFiles), len(o.KeyFiles)) {
		p := o.pair(i)
		if c, v := p.read().judge(nil, o); v.OK() {
			if chain.Overdue(c.Leaf, time.Now()) {
				notes = append(notes, fmt.Sprintf("%s: it expires on %s, and has not been renewed\n      → find out "+
					"why it was not renewed, for example with certbot renew --dry-run",
					p.certFile, c.Leaf.NotAfter.UTC().Format(time.RFC3339)))
			}
			for _, note := range v.Notes {
				line := p.certFile + ": " + note.Text
				if note.Fix != "" {
					line += "\n      → " + note.Fix
				}
				notes = append(notes, line)
			}
		}
		mode, ok := osfile.Mode(p.keyFile)
		who, unless := "every user of this machine", ""
		if mode&0o007 == 0 {
			who, unless = "a group", "unless that is how the server reads it: "
		}
		if ok && mode&0o077 != 0 {
			notes = append(notes, fmt.Sprintf("%s can read TLS_KEY_FILE=%q (mode %04o)\n      → %schmod 600 %s",
				who, p.keyFile, mode, unless, p.keyFile))
		}
	}
	return notes
}

// CertNames returns the names in the leaf certificates of the files, in order and each once. Files that cannot be read
// have none.
func CertNames(certFiles, keyFiles []string) []string {
	var names []string
	o := Options{CertFiles: certFiles, KeyFiles: keyFiles}
	for i := range min(len(certFiles), len(keyFiles)) {
		c, _ := o.pair(i).read().judge(nil, o)
		if c == nil {
			continue
		}
		for _, n := range cert.Names(c) {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}
