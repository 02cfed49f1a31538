package command

import (
	"encoding/base64"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/middleware"
	"example.com/turnkey/tlsconfig"
	"example.com/turnkey/tlsconfig/localca"
)

// config is every setting, in the order of .env.example.
type config struct {
	prod    bool
	domains []string // ASCII, the first is canonical
	mode    tlsconfig.Mode

	httpsAddr string // empty: closed (proxy mode)
	httpAddr  string // empty: closed

	certFiles, keyFiles []string
	clientCAFile        string

	acmeEmail     string
	acmeDirectory string
	acmeCAFile    string
	acmeCache     string
	acmeProfile   string
	acmeRehearsal string // directory; empty: none
	eabKeyID      string
	eabKey        []byte

	trustedProxies []netip.Prefix
	clientIPHeader string

	hsts        string
	corsOrigins []string // other sites whose scripts may read answers

	logJSON  bool
	logLevel slog.Level

	adminAddr     string
	shutdownGrace time.Duration

	devCAConstraints bool // off: the development CA may sign for any name

	// Not settings of their own: what follows from them and from this machine.
	project    string
	localCADir string
	localOwner *localca.Owner
	names      func() []string // of a development site, as this machine's addresses are now
	hosts      []string        // answered for; empty: any (proxy mode without DOMAINS). In development: what names gave
	httpsMoves bool            // to the next free port, when its own is busy
	httpMoves  bool
	bodies     bodies    // limits and types of request bodies
	passed     listeners // opened by whoever started this program
	dev        *dev      // nil unless `make dev` started this process
	warnings   []string
}

// loadConfig reads every setting through lookup. It always returns all faults, never the first alone, and with them
// what could be understood, so that the rest can be checked too.
func loadConfig(lookup func(string) (string, bool), project string) (config, []string, []fault) {
	e := &env{lookup: lookup}
	c := config{project: project}

	c.prod = e.oneOf("ENV", "dev", "dev", "prod") == "prod"
	c.domains = e.domains("DOMAINS")
	c.mode = tlsconfig.Mode(e.oneOf("TLS_MODE", pick(c.prod, "acme", "local"), "local", "acme", "files", "proxy"))
	local, proxy := c.mode == tlsconfig.Local, c.mode == tlsconfig.Proxy

	c.httpsAddr = e.addr("HTTPS_ADDR", pick(c.prod, ":443", "localhost:8443"), proxy)
	c.httpAddr = e.addr("HTTP_ADDR", pick(proxy, "localhost:3000", pick(c.prod, ":80", "localhost:8080")), !proxy)

	c.certFiles, c.keyFiles = e.list("TLS_CERT_FILE"), e.list("TLS_KEY_FILE")
	if local && len(c.certFiles) == 0 && len(c.keyFiles) == 0 {
		c.certFiles, c.keyFiles = []string{filepath.Join("certs", "cert.pem")}, []string{filepath.Join("certs", "key.pem")}
	}
	c.clientCAFile = e.text("TLS_CLIENT_CA_FILE", "")

	c.readACME(e)

	c.trustedProxies = e.prefixes("TRUSTED_PROXIES", map[string][]netip.Prefix{"cloudflare": middleware.CloudflareRanges()})
	header := e.oneOf("CLIENT_IP_HEADER", "X-Forwarded-For", "X-Forwarded-For", "CF-Connecting-IP")
	if v, _ := e.lookup("CLIENT_IP_HEADER"); v != "" && len(c.trustedProxies) == 0 && !proxy {
		e.fault("CLIENT_IP_HEADER", v, "is believed from trusted proxies only, and there are none", "set TRUSTED_PROXIES to your proxy's addresses, or take CLIENT_IP_HEADER out")
	}
	c.clientIPHeader = header
	if proxy {
		c.trustedProxies = append(c.trustedProxies, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}

	c.hsts = e.hsts("HSTS", pick(c.prod, "max-age=31536000", "max-age=0"))
	c.corsOrigins = e.origins("CORS_ORIGINS", c.prod)

	c.logJSON = e.oneOf("LOG_FORMAT", pick(c.prod, "json", "text"), "text", "json") == "json"
	c.logLevel = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}[e.oneOf("LOG_LEVEL", "info", "debug", "info", "warn", "error")]

	c.adminAddr = e.addr("ADMIN_ADDR", "off", true)
	if c.adminAddr != "" && !isLoopback(c.adminAddr) {
		e.fault("ADMIN_ADDR", c.adminAddr, "would show the program's inside to others", "use a loopback address such as localhost:6060")
	}
	c.shutdownGrace = e.duration("SHUTDOWN_GRACE", pick(c.prod, 20*time.Second, 5*time.Second))

	c.devCAConstraints = e.oneOf("DEV_CA_CONSTRAINTS", "on", "on", "off") == "on"

	// What only holds for some settings together.
	if c.prod && local {
		e.fault("TLS_MODE", "local", "a development certificate cannot serve in production", "set acme, files or proxy, or set ENV=dev")
	}
	if proxy {
		if v, _ := e.lookup("HTTPS_ADDR"); v != "" && v != "off" {
			c.warnings = append(c.warnings, "HTTPS_ADDR is ignored: TLS_MODE=proxy opens HTTP_ADDR alone")
		}
		c.httpsAddr = ""
		if c.clientCAFile != "" {
			e.fault("TLS_CLIENT_CA_FILE", c.clientCAFile,
				"cannot be enforced with TLS_MODE=proxy: TLS ends at the proxy, and this server sees no client certificate",
				"let the proxy ask for certificates (nginx: ssl_client_certificate and ssl_verify_client on; "+
					"Apache: SSLCACertificateFile and SSLVerifyClient require; HAProxy: ca-file and verify required) "+
					"and remove TLS_CLIENT_CA_FILE; or end TLS here, with TLS_MODE=files")
		}
		if c.prod && len(c.domains) == 0 {
			c.warnings = append(c.warnings, "DOMAINS is empty: every host that the proxy passes on is answered")
		}
	}
	if !c.prod && !strings.HasPrefix(strings.ReplaceAll(c.hsts, `"`, ""), "max-age=0") && c.hsts != "" {
		c.warnings = append(c.warnings, "HSTS lasts: browsers will refuse plain http and untrusted certificates on these hosts, on every port, until it runs out")
	}
	if i := slices.IndexFunc(c.domains, func(d string) bool { return strings.HasPrefix(d, "*.") }); i == 0 {
		e.fault("DOMAINS", c.domains[0], "the first name is the canonical one and cannot be a wildcard", "put a full host name first")
	}

	if c.prod && !c.devCAConstraints {
		e.fault("DEV_CA_CONSTRAINTS", "off", "is for development only", "take DEV_CA_CONSTRAINTS out, or set ENV=dev")
	}

	if local {
		getenv := func(k string) string { v, _ := lookup(k); return v }
		var err error
		if c.localCADir, err = localca.Dir(getenv); err != nil {
			c.localCADir = filepath.Join("certs", "ca") // nowhere to share it between projects
			if !c.devCAConstraints {
				c.localCADir = localca.Unconstrained(c.localCADir)
			}
		}
		c.localOwner = localca.Invoker(getenv)
		if !c.devCAConstraints {
			c.warnings = append(c.warnings, "DEV_CA_CONSTRAINTS=off: whoever gets the key in "+c.localCADir+" can pose as any site to browsers that trust this CA; when done, take the setting out and run: DEV_CA_CONSTRAINTS=off make untrust")
		}
	}
	// A default is nobody's decision, so it may give way; a proxy in front, though, knows one port alone.
	unset := func(name string) bool { v, _ := lookup(name); return strings.TrimSpace(v) == "" }
	c.httpsMoves = !c.prod && !proxy && unset("HTTPS_ADDR")
	c.httpMoves = !c.prod && !proxy && unset("HTTP_ADDR")
	c.hosts = c.domains
	if !c.prod {
		c.names = func() []string { return localca.Names(project, c.domains) }
		c.hosts = c.names()
	} else if c.mode == tlsconfig.Files && len(c.domains) == 0 {
		c.hosts = tlsconfig.CertNames(c.certFiles, c.keyFiles)
	}
	c.warnings = append(c.warnings, c.anonymousOrigins()...)
	return c, e.names, e.faults
}

// namesWith are the names of a development site that follow the file's DOMAINS while it runs. Words that are no host
// names leave the old ones in force.
func (c config) namesWith(d dotenv) func() []string {
	if c.names == nil {
		return nil
	}
	return func() []string {
		if v, ok := d.edited("DOMAINS"); ok {
			e := env{lookup: func(string) (string, bool) { return v, true }}
			if domains := e.domains("DOMAINS"); len(e.faults) == 0 {
				return localca.Names(c.project, domains)
			}
		}
		return c.names()
	}
}

// tlsOptions is the part of the settings that makes certificates.
func (c config) tlsOptions(log *slog.Logger, say func(string)) tlsconfig.Options {
	return tlsconfig.Options{
		Mode: c.mode, Domains: c.domains, CertFiles: c.certFiles, KeyFiles: c.keyFiles, ClientCAFile: c.clientCAFile, Prod: c.prod,
		LocalNames: c.names, LocalCADir: c.localCADir, LocalOwner: c.localOwner,
		Email: c.acmeEmail, Directory: c.acmeDirectory, CAFile: c.acmeCAFile, CacheDir: c.acmeCache,
		Profile: c.acmeProfile, Rehearsal: c.acmeRehearsal, PlainPort: c.httpAddr != "",
		EABKeyID: c.eabKeyID, EABKey: c.eabKey,
		Log: log, Say: say,
	}
}

// readACME reads the settings of the CA and of the store for its certificates.
func (c *config) readACME(e *env) {
	c.acmeEmail = e.email("ACME_EMAIL")
	c.acmeDirectory = e.text("ACME_DIRECTORY", "production")
	switch c.acmeDirectory {
	case "production":
		c.acmeDirectory = tlsconfig.ProductionDirectory
	case "staging":
		c.acmeDirectory = tlsconfig.StagingDirectory
	default:
		if !isDirectoryURL(c.acmeDirectory) {
			e.fault("ACME_DIRECTORY", c.acmeDirectory, "is not the URL of a directory", "set production, staging, or the https URL that your CA documents")
			c.acmeDirectory = tlsconfig.ProductionDirectory
		}
	}
	c.acmeCAFile = e.text("ACME_CA_FILE", "")
	c.acmeCache = e.text("ACME_CACHE", filepath.Join("certs", "acme"))
	if v, _ := e.lookup("ACME_CACHE"); v == "" {
		if dir, _ := e.lookup("STATE_DIRECTORY"); dir != "" { // systemd's; several are separated by colons
			c.acmeCache, _, _ = strings.Cut(dir, ":")
		}
	}
	if slices.Contains(e.refused, "ACME_CACHE") {
		c.acmeCache = ""
	}
	hasScheme := strings.Contains(c.acmeCache, "://")
	if hasScheme && !storeURL.MatchString(c.acmeCache) || !hasScheme && nearlyURL.MatchString(c.acmeCache) {
		e.fault("ACME_CACHE", c.acmeCache, "is neither a directory nor the URL of a Redis server",
			"give a directory, or redis://host:6379/0, or rediss:// for TLS; valkey:// and valkeys:// are the same")
		c.acmeCache = ""
	}
	c.acmeProfile = e.text("ACME_PROFILE", "")
	c.acmeRehearsal = e.text("ACME_REHEARSAL", "auto")
	switch {
	case c.acmeRehearsal == "auto":
		c.acmeRehearsal = pick(c.acmeDirectory == tlsconfig.ProductionDirectory, tlsconfig.StagingDirectory, "")
	case c.acmeRehearsal == "off":
		c.acmeRehearsal = ""
	case !isDirectoryURL(c.acmeRehearsal) || c.acmeRehearsal == c.acmeDirectory:
		e.fault("ACME_REHEARSAL", c.acmeRehearsal, "is not the URL of another directory", "set auto (Let's Encrypt's staging before its production), off, or the https URL of a directory to rehearse at")
		c.acmeRehearsal = ""
	}
	c.eabKeyID = e.text("ACME_EAB_KID", "")
	eabKey := e.text("ACME_EAB_HMAC_KEY", "")
	if (c.eabKeyID == "") != (eabKey == "") {
		e.fault(pick(c.eabKeyID == "", "ACME_EAB_KID", "ACME_EAB_HMAC_KEY"), "", "is missing beside the other half of the pair", "set both ACME_EAB_KID and ACME_EAB_HMAC_KEY as your CA gave them, or neither")
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(eabKey), "="))
	if err != nil {
		e.fault("ACME_EAB_HMAC_KEY", "", "is not base64", "copy it again from your CA; it is written with letters, digits, - and _")
	}
	c.eabKey = key
}

func isDirectoryURL(v string) bool {
	u, err := url.Parse(v)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && forbidden(strings.ReplaceAll(u.Hostname(), ":", "")) == 0
}

func pick[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

var (
	storeURL = regexp.MustCompile(`^(rediss?|valkeys?)://`)
	// redis:host, redis//host, user:password@host, :password@host, host:6379
	nearlyURL = regexp.MustCompile(`^((?i:rediss?|valkeys?)(:|//)|[^/.~\\][^/\\]*:.*@|:|(//)?[^/\\]+:[0-9]{2,5}(/[0-9]{0,3})?$)`)
)
