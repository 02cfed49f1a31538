package acme

import (
	"context"
	"net"
	"net/url"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/setting"
)

// Settings are an operator's, as they are checked before a start.
type Settings struct {
	Domains   []string
	Directory string // URL
	CAFile    string // empty: the system's roots
	Cache     string // a directory or the URL of a Redis server; empty: it has a fault that is reported already
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
				"e.g. DOMAINS=example.com,www.example.com"}}
	}
	var faults []setting.Fault
	for _, d := range s.Domains {
		problem, fix := "", ""
		switch {
		case strings.HasPrefix(d, "*."):
			problem = "automatic certificates cannot be for a wildcard"
			fix = "list each host, or set TLS_MODE=files with a wildcard certificate of your own"
		case net.ParseIP(d) != nil:
			problem, fix = "automatic certificates are for names, not addresses", "list host names"
		case !strings.Contains(d, ".") || strings.HasSuffix(d, ".localhost"):
			problem = "no certificate authority can vouch for a local name"
			fix = "list a public host name, or set ENV=dev"
		default:
			continue
		}
		faults = append(faults, setting.Fault{Setting: "DOMAINS", Value: d, Problem: problem, Fix: fix})
	}
	return faults
}

func (s Settings) checkCache() []setting.Fault {
	switch {
	case s.Cache == "":
	case store.IsRedis(s.Cache):
		if err := store.CheckURL(s.Cache); err != nil {
			return []setting.Fault{{Setting: "ACME_CACHE", Value: setting.Redacted(s.Cache), Problem: err.Error(),
				Fix: store.HowToWrite}}
		}
	default:
		if err := store.Writable(s.Cache); err != nil && !s.canServe() {
			return []setting.Fault{{Setting: "ACME_CACHE", Value: s.Cache, Problem: err.Error(),
				Fix: "give a directory that this user can write and that outlives a deployment; " +
					"without it every start orders anew"}}
		}
	}
	return nil
}

// canServe reports whether the store holds a valid certificate for every domain. A server that cannot write there
// starts in this case, and serves them.
func (s Settings) canServe() bool {
	slot := store.Existing(s.Cache, s.Directory)
	for _, host := range s.Domains {
		data, err := slot.Get(context.Background(), host+".pem")
		if err != nil {
			return false
		}
		c, err := cert.Unmarshal(data, host)
		if err != nil || c.Broken || !cert.Current(c.Leaf, time.Now()) {
			return false
		}
	}
	return len(s.Domains) > 0
}
