// Package settings reads the environment and .env into Settings, which are plain data: read once, and not changed after. What is
// not understood is a Fault, never a default. README.md has the table of all variables.
package settings

import (
	"log/slog"
	"net/netip"
	"time"

	"example.com/turnkey/tlsconfig/localca"
	"example.com/turnkey/tlsconfig/setting"
)

// Settings are all settings, in the order of .env.example.
type Settings struct {
	Prod    bool         // ENV=prod
	Domains []string     // in ASCII; the first is the canonical one
	Mode    setting.Mode // TLS_MODE

	HTTPSAddr string // empty: closed, as in proxy mode
	HTTPAddr  string // empty: closed

	CertFiles, KeyFiles []string
	ClientCAFile        string

	ACMEEmail     string
	ACMEDirectory string // URL
	ACMECAFile    string
	ACMECache     string // a directory, or the URL of a Redis or Valkey server
	ACMEProfile   string
	ACMERehearsal string // URL of a directory; empty: no rehearsal
	EABKeyID      string
	EABKey        []byte

	TrustedProxies []netip.Prefix
	ClientIPHeader string

	HSTS        string   // the header's value; empty: none is sent
	CORSOrigins []string // other sites whose scripts may read responses

	LogJSON  bool
	LogLevel slog.Level

	AdminAddr     string // empty: closed
	ShutdownGrace time.Duration

	DevCAConstraints bool // off: the development CA may sign for any name

	// What follows from these settings and from this machine.
	Project    string         // last element of the module's path
	LocalCADir string         // folder of the development CA; empty in other modes
	LocalOwner *localca.Owner // whom the CA's files belong to after sudo; nil: the user of this process
	HTTPSMoves bool           // to the next free port when its own is in use, because no port was asked for
	HTTPMoves  bool
	Warnings   []string
}

// Load reads every setting through lookup. It returns every fault, not only the first, with the settings that could be read, so
// that later checks can still run. file is what was found in .env, for misspelt names.
func Load(lookup func(string) (string, bool), file Dotenv, project string) (Settings, Faults) {
	r := &reader{lookup: lookup}
	s := read(r, project)
	return s, append(file.faults(r.names), r.faults...)
}

// Variables returns the name of every variable that is a setting, in the order of .env.example.
func Variables() []string {
	r := &reader{lookup: func(string) (string, bool) { return "", false }}
	read(r, "")
	return r.names
}

func read(r *reader, project string) Settings {
	s := Settings{Project: project}
	s.readSite(r)
	s.readCertificateFiles(r)
	s.readACME(r)
	s.readProxies(r)
	s.readHeaders(r)
	s.readLogs(r)
	s.readOperation(r)
	s.DevCAConstraints = r.oneOf("DEV_CA_CONSTRAINTS", "on", "on", "off") == "on"
	s.checkProxyMode(r)
	s.checkMode(r)
	s.findLocalCA(r)
	return s
}

func (s *Settings) local() bool { return s.Mode == setting.Local }

// InProxyMode reports whether TLS ends at a proxy in front of this server.
func (s *Settings) InProxyMode() bool { return s.Mode == setting.Proxy }

// Names returns the host names and addresses that a development site answers for: its domains, and what this machine is
// called now. A laptop's addresses change, so the result is to be asked for again from time to time.
func (s *Settings) Names() []string { return localca.Names(s.Project, s.Domains) }
