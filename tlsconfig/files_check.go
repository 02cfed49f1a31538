package tlsconfig

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"example.com/turnkey/tlsconfig/chain"
)

// checkFiles looks at every pair, then whether together they are for every domain.
func checkFiles(o Options) []Fault {
	if len(o.CertFiles) == 0 {
		return []Fault{{"TLS_CERT_FILE", "", "required by TLS_MODE=files", "name your certificate chain, e.g. TLS_CERT_FILE=/etc/letsencrypt/live/example.com/fullchain.pem"}}
	}
	if len(o.CertFiles) != len(o.KeyFiles) {
		return []Fault{{"TLS_KEY_FILE", strings.Join(o.KeyFiles, ","),
			fmt.Sprintf("%d keys for %d certificates", len(o.KeyFiles), len(o.CertFiles)), "name one key for each file of TLS_CERT_FILE, in the same order"}}
	}
	var faults []Fault
	var certs []*tls.Certificate
	for i, file := range o.CertFiles {
		p := &pair{certFile: file, keyFile: o.KeyFiles[i]}
		cert, v := p.read().judge(nil, o)
		if cert != nil {
			certs = append(certs, cert)
		}
		for _, r := range v.Faults {
			faults = append(faults, p.fault(r))
		}
	}
	if len(certs) < len(o.CertFiles) {
		return faults // the missing pair may be the one for a domain below
	}
	all := newSnapshot(certs)
	for _, domain := range o.Domains {
		if !all.covers(domain) {
			faults = append(faults, Fault{"TLS_CERT_FILE", strings.Join(o.CertFiles, ","), "no certificate in it is for " + domain,
				"add the certificate for " + domain + ", or take the name out of DOMAINS"})
		}
	}
	return faults
}

// fault is a reason as a fault of the setting that it is about. If a command mends the file, the fix is this command.
func (p *pair) fault(r chain.Reason) Fault {
	f := Fault{"TLS_CERT_FILE", p.certFile, r.Text,
		fmt.Sprintf("point TLS_CERT_FILE and TLS_KEY_FILE at a current certificate chain and its own key; the key now is %q",
			p.keyFile)}
	if r.Key {
		f.Setting, f.Value, f.Fix = "TLS_KEY_FILE", p.keyFile,
			fmt.Sprintf("point TLS_KEY_FILE at the key of TLS_CERT_FILE=%q", p.certFile)
	}
	switch {
	case r.Text == errDeveloped.Error():
		f.Fix = "point TLS_CERT_FILE and TLS_KEY_FILE at a certificate of a public authority, " +
			"set TLS_MODE=acme to get one, or set ENV=dev"
	case r.Fix != "":
		f.Fix = strings.NewReplacer(" CERT ", " "+p.certFile+" ", " KEY ", " "+p.keyFile+" ").Replace(r.Fix)
	}
	return f
}

// CertNames are the names in the leaf certificates of PEM files, in order and each once; unreadable files have none.
func CertNames(certFiles, keyFiles []string) []string {
	var names []string
	for i := range min(len(certFiles), len(keyFiles)) {
		p := &pair{certFile: certFiles[i], keyFile: keyFiles[i]}
		if cert, _ := p.read().judge(nil, Options{}); cert != nil {
			for _, n := range leafNames(cert) {
				if !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
		}
	}
	return names
}
