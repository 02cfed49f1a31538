// Package settings is what the scripts need to know of the site's settings. app/settings reads them, so that a script
// and the server agree.
package settings

import (
	"cmp"
	"net"
	"os"
	"slices"
	"strings"

	"example.com/turnkey/app/settings"
	"example.com/turnkey/app/settings/envfile"
	"example.com/turnkey/scripts/internal/process"
	"example.com/turnkey/tlsconfig/setting"
)

// Settings of the site in this directory.
type Settings struct {
	settings.Settings
	Local             bool   // the development CA makes its certificate
	CertFile, KeyFile string // of the first pair; empty where no setting names one
	Faults            settings.Faults
}

// Over returns getenv with the variables of a file as defaults. A missing or broken file counts as empty.
func Over(getenv func(string) string, dotenv string) func(string) string {
	file, broken := envfile.Read(dotenv)
	if len(broken) > 0 {
		file = nil
	}
	return func(name string) string { return cmp.Or(getenv(name), file[name]) }
}

// Load reads the settings through getenv. What cannot be understood is in Faults.
func Load(getenv func(string) string) Settings {
	lookup := func(name string) (string, bool) { v := getenv(name); return v, v != "" }
	all, faults := settings.Load(lookup, settings.Dotenv{}, process.Project())
	s := Settings{Settings: all, Faults: faults}
	unclear := slices.ContainsFunc(faults, func(f settings.Fault) bool {
		return f.Setting == "ENV" || f.Setting == "TLS_MODE"
	})
	s.Local = s.Mode == setting.Local && !s.Prod && !unclear
	if len(s.CertFiles) > 0 {
		s.CertFile = s.CertFiles[0]
	}
	if len(s.KeyFiles) > 0 {
		s.KeyFile = s.KeyFiles[0]
	}
	return s
}

// URL returns where a client on this machine finds the site, without a slash at its end.
func (s Settings) URL() string { return "https://" + Dial(cmp.Or(s.HTTPSAddr, "localhost:8443")) }

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
