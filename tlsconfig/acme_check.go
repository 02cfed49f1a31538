package tlsconfig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// checkACME looks at everything an order needs that can be known without placing one.
func checkACME(o Options) []Fault {
	var faults []Fault
	add := func(setting, value, problem, fix string) {
		faults = append(faults, Fault{setting, value, problem, fix})
	}
	if len(o.Domains) == 0 {
		add("DOMAINS", "", "required by TLS_MODE=acme", "list the host names to get certificates for, the main one first, e.g. DOMAINS=example.com,www.example.com")
	}
	for _, d := range o.Domains {
		switch {
		case strings.HasPrefix(d, "*."):
			add("DOMAINS", d, "automatic certificates cannot be for a wildcard", "list each host, or set TLS_MODE=files with a wildcard certificate of your own")
		case net.ParseIP(d) != nil:
			add("DOMAINS", d, "automatic certificates are for names, not addresses", "list host names")
		case !strings.Contains(d, ".") || strings.HasSuffix(d, ".localhost"):
			add("DOMAINS", d, "no certificate authority can vouch for a local name", "list a public host name, or set ENV=dev")
		}
	}
	if u, err := url.Parse(o.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		add("ACME_DIRECTORY", Redacted(o.Directory), "is not an https URL",
			"give production, staging, or the directory URL that your CA documents")
	}
	if o.CAFile != "" {
		if _, err := readPool(o.CAFile); err != nil {
			add("ACME_CA_FILE", o.CAFile, err.Error(), "give a PEM file with the root that signed the ACME server's own certificate")
		}
	}
	switch {
	case o.CacheDir == "": // reported already
	case isRedis(o.CacheDir):
		if _, err := (redis{o.CacheDir}).address(); err != nil {
			add("ACME_CACHE", Redacted(o.CacheDir), err.Error(), writeRedis)
		}
	default:
		if err := writable(o.CacheDir); err != nil && !canServe(o) {
			add("ACME_CACHE", o.CacheDir, err.Error(), "give a directory that this user can write and that outlives a deployment; without it every start orders anew")
		}
	}
	return faults
}

// Notes tells what an operator should know though it is no fault, for example that an earlier attempt failed. It changes nothing.
func Notes(o Options) []string {
	if o.Mode == Files {
		return fileNotes(o)
	}
	if o.Mode != ACME || o.CacheDir == "" {
		return nil
	}
	if isRedis(o.CacheDir) {
		if _, err := (redis{o.CacheDir}).address(); err != nil {
			return nil // Check reports it
		}
	}
	notes := cacheNotes(o)
	if !isRedis(o.CacheDir) {
		if err := writable(o.CacheDir); err != nil && canServe(o) {
			notes = append(notes, fmt.Sprintf("ACME_CACHE=%s %v\n      → the certificates in it are served, "+
				"and none is renewed before it can be written: free space there, or make it writable for this user", o.CacheDir, err))
		}
	}
	st := cacheOf(o)
	for _, host := range o.Domains {
		data, err := st.get(context.Background(), host+".json")
		var rec record
		if err != nil && !isMissing(err) {
			return append(notes, fmt.Sprintf("ACME_CACHE cannot be read: %v\n"+
				"      → the server starts, and orders nothing until it can read it", err))
		}
		if err != nil || json.Unmarshal(data, &rec) != nil || rec.Problem == nil {
			if pem, err := st.get(context.Background(), host+".pem"); err == nil {
				if cert, err := readCertificate(pem, host); err == nil && cert.lacks != "" {
					notes = append(notes, fmt.Sprintf("%s: the certificate in ACME_CACHE: %s", host, cert.lacks))
				}
			}
			continue
		}
		note := fmt.Sprintf("%s: the last attempt to get a certificate failed (%d in a row): %v", host, rec.Failures, rec.Problem)
		if advice := rec.Problem.Advice(host); advice != "" {
			note += "\n      → " + advice
		}
		notes = append(notes, note+"\n      → the server tries again at "+rec.Next.UTC().Format(time.RFC3339)+", or at once on SIGHUP")
	}
	return notes
}

// cacheOf is the part of ACME_CACHE that belongs to the configured directory, for reading.
func cacheOf(o Options) *corner {
	if isRedis(o.CacheDir) {
		return &corner{store: redis{o.CacheDir}, name: slug(o.Directory)}
	}
	return &corner{store: directory(o.CacheDir), name: slug(o.Directory)}
}

// canServe reports whether ACME_CACHE holds a valid certificate for every domain. A server that cannot write there starts in
// this case, and serves them.
func canServe(o Options) bool {
	st := cacheOf(o)
	for _, host := range o.Domains {
		data, err := st.get(context.Background(), host+".pem")
		if err != nil {
			return false
		}
		cert, err := readCertificate(data, host)
		if err != nil || cert.broken || !current(cert.Leaf, time.Now()) {
			return false
		}
	}
	return len(o.Domains) > 0
}

// writable tries to put a file where the certificates will be kept, or where their directory would be made.
func writable(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return plainError(err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return plainError(err)
		}
		dir = parent
	}
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("cannot be written: %w", plainError(err))
	}
	// An empty file fits on a full disk; a certificate does not.
	_, err = f.Write(make([]byte, 16<<10))
	if err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("cannot be written: %w", plainError(err))
	}
	return nil
}
