// Package settings is what the helpers of the developer need to know of the site's settings. It reads what app reads,
// the environment over .env, but judges nothing: that is for the program's `check`.
package settings

import (
	"cmp"
	"net"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"example.com/turnkey/app/settings/envfile"
)

// Settings of the site in this directory.
type Settings struct {
	Project             string // last element of the module's path
	Local               bool   // the development CA makes its certificate
	Domains             []string
	HTTPSAddr, HTTPAddr string // HTTPAddr is empty when the plain port is off
	HTTPSMoves          bool   // to one of the next ports, when its own is taken: nobody asked for that one
	HTTPMoves           bool
	CertFile, KeyFile   string
}

// Over is getenv with the variables of a file beneath it; one that is missing or broken counts as empty.
func Over(getenv func(string) string, dotenv string) func(string) string {
	file, _ := envfile.Read(dotenv)
	return func(name string) string { return cmp.Or(getenv(name), file[name]) }
}

// Load reads the settings through getenv.
func Load(getenv func(string) string) Settings {
	get := func(name, otherwise string) string { return cmp.Or(strings.TrimSpace(getenv(name)), otherwise) }
	s := Settings{
		Project:   project(),
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

// Dial is where a client on this machine reaches an address that a server listens on.
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

// Tilde shortens every mention of the home directory, so that reports can be shown to others.
func Tilde(text, home string) string {
	if home = strings.TrimRight(home, `/\`); home == "" {
		return text
	}
	return strings.NewReplacer(home+string(os.PathSeparator), "~"+string(os.PathSeparator), home+"/", "~/").Replace(text)
}

func project() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path != "" {
		return path.Base(info.Main.Path)
	}
	return "site"
}
