// Package settings reads the site's settings for the scripts, from the environment over .env as app does. It checks
// nothing, since bin/NAME check does that.
package settings

import (
	"cmp"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/turnkey/app/settings/envfile"
	"example.com/turnkey/scripts/internal/module"
)

// Settings of the site in this directory.
type Settings struct {
	Project             string // last element of the module's path
	Local               bool   // the development CA makes its certificate
	Domains             []string
	HTTPSAddr, HTTPAddr string // HTTPAddr is empty when the plain port is off
	HTTPSMoves          bool   // to one of the next ports when its own is taken, since no setting names it
	HTTPMoves           bool
	CertFile, KeyFile   string
}

// Over returns getenv with the variables of a file as defaults. A missing or broken file counts as empty.
func Over(getenv func(string) string, dotenv string) func(string) string {
	file, _ := envfile.Read(dotenv)
	return func(name string) string { return cmp.Or(getenv(name), file[name]) }
}

// Load reads the settings through getenv.
func Load(getenv func(string) string) Settings {
	get := func(name, otherwise string) string { return cmp.Or(strings.TrimSpace(getenv(name)), otherwise) }
	s := Settings{
		Project:   module.Name(),
		Local:     get("ENV", "dev") == "dev" && get("TLS_MODE", "local") == "local",
		HTTPSAddr: get("HTTPS_ADDR", "localhost:8443"),
		HTTPAddr:  get("HTTP_ADDR", "localhost:8080"),
		CertFile:  get("TLS_CERT_FILE", filepath.Join("certs", "cert.pem")),
		KeyFile:   get("TLS_KEY_FILE", filepath.Join("certs", "key.pem")),
	}
	s.HTTPSMoves, s.HTTPMoves = s.Local && get("HTTPS_ADDR", "") == "", s.Local && get("HTTP_ADDR", "") == ""
	if s.HTTPAddr == "off" {
		s.HTTPAddr = ""
	}
	for name := range strings.SplitSeq(get("DOMAINS", ""), ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && !slices.Contains(s.Domains, name) {
			s.Domains = append(s.Domains, name)
		}
	}
	return s
}

// Dial returns the address at which a client on this machine reaches a server that listens on addr.
func Dial(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// Tilde replaces the home directory by ~ everywhere, so that the user can publish a report.
func Tilde(text, home string) string {
	if home = strings.TrimRight(home, `/\`); home == "" {
		return text
	}
	return strings.NewReplacer(home+string(os.PathSeparator), "~"+string(os.PathSeparator), home+"/", "~/").Replace(text)
}
