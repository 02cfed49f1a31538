package acme

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/internal/tickets"
	"example.com/turnkey/tlsconfig/setting"
)

// Settings are an operator's, as they are checked before a start.
type Settings struct {
	Domains   []string
	Directory string       // URL
	CAFile    string       // empty: the system's roots
	Store     store.Config // Where is empty if it has a fault that is reported already
}

// Check returns every fault that would prevent an order and can be found without a connection. It changes nothing.
func (s Settings) Check() []setting.Fault {
	faults := s.checkDomains()
	if u, err := url.Parse(s.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		faults = append(faults, setting.Fault{Setting: "ACME_DIRECTORY", Value: setting.Redacted(s.Directory),
			Problem: "is not an https URL",
			Fix:     "give production, staging, or the directory URL that your CA documents"})
	}
	if s.CAFile != "" {
		if _, err := cert.ReadPool(s.CAFile); err != nil {
			faults = append(faults, setting.Fault{Setting: "ACME_CA_FILE", Value: s.CAFile, Problem: err.Error(),
				Fix: "give a PEM file with the root that signed the ACME server's own certificate"})
		}
	}
	return append(faults, s.checkCache()...)
}

func (s Settings) checkDomains() []setting.Fault {
	if len(s.Domains) == 0 {
		return []setting.Fault{{Setting: "DOMAINS", Problem: "required by TLS_MODE=acme",
			Fix: "list the host names to get certificates for, the main one first, " +
				"e.g. DOMAINS=example.com,www.example.com; a server without a name lists its address"}}
	}
	var faults []setting.Fault
	for _, d := range s.Domains {
		problem, fix := "", ""
		addr, err := netip.ParseAddr(d)
		switch {
		case err == nil:
			if problem, fix = s.addressProblem(addr); problem == "" {
				continue
			}
		case strings.HasPrefix(d, "*."):
			problem = "a wildcard has to be proven by DNS, which TLS_MODE=acme does not do"
			fix = "list each host; or let certbot or cert-manager get the certificate, and set TLS_MODE=files"
		case !strings.Contains(d, ".") || strings.HasSuffix(d, ".localhost"):
			problem = "no public CA issues for a local name"
			fix = "list a public host name, or set ENV=dev"
		default:
			continue
		}
		faults = append(faults, setting.Fault{Setting: "DOMAINS", Value: d, Problem: problem, Fix: fix})
	}
	return faults
}

// addressProblem returns why the CA would not issue for an address, and what to do about it. A private CA may issue for
// any address that can be a server's.
func (s Settings) addressProblem(a netip.Addr) (problem, fix string) {
	what := reservation(a)
	switch {
	case a.Is4In6():
		return "is an IPv4 address in the notation of IPv6", "write it as " + a.Unmap().String()
	case a.IsUnspecified(), a.IsMulticast():
		return "is no address of a server", "list the address under which clients reach this server"
	case what != "" && setting.IsPublicCA(s.Directory):
		return "is " + what + ", and a public CA issues for addresses of the internet alone",
			"list the address under which the internet reaches this server, or set ACME_DIRECTORY to a private CA"
	}
	return "", ""
}

func (s Settings) checkCache() []setting.Fault {
	var faults []setting.Fault
	if fault := s.Store.CAFault(); fault != nil {
		faults = append(faults, *fault)
	}
	if s.Store.Where == "" {
		return faults
	}
	if fault := s.Store.Fault(); fault != nil && !s.canServe() {
		faults = append(faults, *fault)
	}
	return faults
}

// canServe reports whether the store holds a valid certificate for every domain. In this case a server that cannot
// write to the store starts and serves them.
func (s Settings) canServe() bool {
	for _, host := range s.Domains {
		c, err := s.stored(host)
		if err != nil || c.Broken || !cert.Current(c.Leaf, time.Now()) {
			return false
		}
	}
	return len(s.Domains) > 0
}

// stored reads the certificate for a host from the store.
func (s Settings) stored(host string) (cert.Candidate, error) {
	data, err := s.Store.Existing(s.Directory).Get(context.Background(), cert.StoreName(host)+".pem")
	if err != nil {
		return cert.Candidate{}, err
	}
	return cert.Unmarshal(data, host)
}

// Inspect looks into the store, for what Check does not see. Notes are what an operator should know although it is no
// fault, such as an earlier attempt that failed. Inspect changes nothing but a test key in Redis: see store.Check.
func (s Settings) Inspect() (faults []setting.Fault, notes []string) {
	if s.Store.Where == "" || s.Store.CAFault() != nil {
		return nil, nil // Check reports it
	}
	fault := s.Store.Fault() // Check reports it, unless the certificates can be served
	var took time.Duration
	if fault == nil {
		if took, fault = s.Store.Check(); fault != nil && !s.canServe() {
			return []setting.Fault{*fault}, nil
		}
	}
	notes = s.Store.Notes()
	if took > 0 {
		notes = append(notes, fmt.Sprintf("ACME_CACHE: written and read back in %.1f ms", took.Seconds()*1000))
	}
	if fault != nil && s.canServe() {
		notes = append(notes, fmt.Sprintf("ACME_CACHE=%s %s\n      → the certificates in it are served, "+
			"and none is renewed before it can be written: %s", fault.Value, fault.Problem, fault.Fix))
	} else if fault != nil && store.IsRedis(s.Store.Where) {
		return nil, nil
	}
	sealed, note, err := s.survey()
	if sealed != nil {
		return []setting.Fault{*sealed}, notes
	}
	if note != "" {
		notes = append(notes, note)
	}
	for _, host := range s.Domains {
		if err != nil {
			break
		}
		if note, err = s.hostNote(host); note != "" {
			notes = append(notes, note)
		}
	}
	if err != nil {
		notes = append(notes, fmt.Sprintf("ACME_CACHE cannot be read: %v\n"+
			"      → the server starts, and orders nothing until it can read it", err))
	}
	return nil, notes
}

// survey checks how the values of this site are sealed. It returns a fault if one cannot be opened, or a note if some
// are not sealed with the newest key.
func (s Settings) survey() (fault *setting.Fault, note string, _ error) {
	files := []string{accountFile, tickets.File}
	for _, host := range s.Domains {
		name := cert.StoreName(host)
		files = append(files, name+".pem", name+".json", name+".order")
	}
	found, err := s.Store.Existing(s.Directory).Survey(context.Background(), files)
	switch {
	case err != nil:
		return nil, "", err
	case found.Closed != nil:
		return &setting.Fault{Setting: "ACME_CACHE_KEY", Problem: found.Closed.Error(), Fix: found.Closed.Advice()}, "", nil
	case found.Unsealed+found.Older > 0:
		note = fmt.Sprintf("ACME_CACHE: of the values of this site, %d are not sealed, and %d with an older key of "+
			"ACME_CACHE_KEY\n      → keep that key until this note is gone: a server seals them when it starts or writes",
			found.Unsealed, found.Older)
	}
	return nil, note, nil
}

// hostNote says why a host's last attempt failed, or what its certificate lacks. It is empty if all is well.
func (s Settings) hostNote(host string) (string, error) {
	data, err := s.Store.Existing(s.Directory).Get(context.Background(), cert.StoreName(host)+".json")
	if err != nil && !store.IsMissing(err) {
		return "", err
	}
	var rec record
	if err != nil || json.Unmarshal(data, &rec) != nil || rec.Problem == nil {
		if c, err := s.stored(host); err == nil && c.Lacks != "" {
			return fmt.Sprintf("%s: the certificate in ACME_CACHE: %s", host, c.Lacks), nil
		}
		return "", nil
	}
	note := fmt.Sprintf("%s: the last attempt to get a certificate failed (%d in a row): %v",
		host, rec.Failures, rec.Problem)
	if advice := rec.Problem.Advice(host); advice != "" {
		note += "\n      → " + advice
	}
	again := rec.Next.UTC().Format(time.RFC3339)
	return note + "\n      → the server tries again at " + again + ", or at once on SIGHUP", nil
}

// reserved are the addresses for which no public CA issues: those in IANA's registries of special-purpose addresses
// (RFC 6890), and multicast (Baseline Requirements 4.2.2). The first that fits counts.
var reserved = []struct{ what, prefixes string }{
	{"a loopback address", "127.0.0.0/8 ::1/128"},
	{"a private address", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7"},
	{"an address behind a provider's address translation", "100.64.0.0/10"},
	{"a link-local address", "169.254.0.0/16 fe80::/10"},
	{"an address for examples", "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20"},
	{"a reserved address", "0.0.0.0/8 192.0.0.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.175.48.0/24 " +
		"198.18.0.0/15 224.0.0.0/3 2001::/23 2002::/16 2620:4f:8000::/48 " +
		"::/3 4000::/2 8000::/1"}, // IPv6 outside 2000::/3, which alone is in use
}

// reservation says why no public CA issues for an address. It is empty for an address of the internet.
func reservation(a netip.Addr) string {
	for _, r := range reserved {
		for p := range strings.FieldsSeq(r.prefixes) {
			if netip.MustParsePrefix(p).Contains(a) {
				return r.what
			}
		}
	}
	return ""
}
