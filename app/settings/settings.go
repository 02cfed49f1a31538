// Package settings reads the environment and .env into Settings: plain data, parsed once and not changed afterwards. A
// value that is not understood is a Fault, never a default, and all faults are reported at once. README.md has the
// table of all variables.
//
// It opens no port and no certificate. It imports middleware/host and tlsconfig for what they call valid, and nothing
// under app/internal, so that all of those can import it.
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

	HTTPSAddr string // empty: closed, as it is in proxy mode
	HTTPAddr  string // empty: closed
	HTTP3     bool   // QUIC on the port of HTTPSAddr

	CertFiles, KeyFiles []string
	ClientCAFile        string

	ACMEEmail       string
	ACMEDirectory   string // URL
	ACMECAFile      string
	ACMECache       string             // a directory, or the URL of a Redis or Valkey server
	ACMECacheCAFile string             // PEM roots of a server in ACMECache; empty: the system's
	ACMECacheKeys   []setting.CacheKey // that values in ACMECache are sealed with, the newest first
	ACMEProfile     string
	ACMERehearsal   string // URL of a directory; empty: no rehearsal
	EABKeyID        string
	EABKey          []byte

	TrustedProxies []netip.Prefix
	ClientIPHeader string
	ProxyProtocol  bool // connections from TrustedProxies begin with a PROXY header

	HSTS        string   // the header's value; empty: none is sent
	CORSOrigins []string // other sites whose scripts may read responses

	LogJSON  bool
	LogLevel slog.Level

	AdminAddr     string // empty: closed
	ShutdownGrace time.Duration

	DataFolder string // DATA_DIR; DataDir makes it

	DevCAConstraints bool // off: the development CA may sign for any name

	Own    []Own             // the site's own, as it declares them
	values map[string]string // of every name that Setting knows
	port   string            // PORT, as ":3000"; empty: none, or not understood

	// What follows from these settings and from this machine.
	Project     string         // last element of the module's path
	LocalCADir  string         // folder of the development CA; empty in other modes
	LocalOwner  *localca.Owner // whom the CA's files belong to after sudo; nil: the user of this process
	MemoryLimit int64          // bytes, for Go's memory; 0: GOMEMLIMIT is set, or there is no limit to derive one from
	HTTPSMoves  bool           // to the next free port if its own is in use, because the user did not set one
	HTTPMoves   bool           // the same for HTTPAddr
	Warnings    []string       // for the operator: values that are valid but probably a mistake
}

// Load reads every setting through lookup. It returns every fault, not only the first, and with them the settings that
// could be read, so that later checks can still run. file is what LoadDotenv returned: its faults and misspelt names
// are faults, too. project is the last element of the module's path. own are the settings that the site declares.
func Load(lookup func(string) (string, bool), file Dotenv, project string, own ...Own) (Settings, Faults) {
	r := &reader{lookup: file.over(lookup)}
	s := read(r, project)
	s.readOwn(r, own)
	return s, append(file.faults(r.names), file.sure(r)...)
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
	s.checkHTTP3(r)
	s.checkPort(r)
	s.checkAddresses(r)
	s.checkMode(r)
	s.findLocalCA(r)
	return s
}

func (s *Settings) local() bool { return s.Mode == setting.Local }

// InProxyMode reports whether TLS ends at a proxy in front of this server.
func (s *Settings) InProxyMode() bool { return s.Mode == setting.Proxy }
