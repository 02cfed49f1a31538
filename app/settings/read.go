package settings

import (
	"cmp"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	hostname "example.com/turnkey/middleware/host"
	"example.com/turnkey/tlsconfig/localca"
	"example.com/turnkey/tlsconfig/setting"
)

// readSite reads the environment, the host names, the source of certificates, and the addresses to listen on.
func (s *Settings) readSite(r *reader) {
	s.Prod = r.oneOf("ENV", "dev", "dev", "prod") == "prod"
	s.Domains = r.domains("DOMAINS")
	s.Mode = setting.Mode(r.oneOf("TLS_MODE", pick(s.Prod, "acme", "local"), "local", "acme", "files", "proxy"))
	if s.Mode == setting.ACME { // names first: the first entry is the canonical one
		slices.SortStableFunc(s.Domains, func(a, b string) int {
			return cmp.Compare(pick(hostname.IsAddress(a), 1, 0), pick(hostname.IsAddress(b), 1, 0))
		})
	}
	proxy := s.InProxyMode()
	s.HTTPSAddr = r.addr("HTTPS_ADDR", pick(s.Prod, ":443", "localhost:8443"), proxy)
	s.port = r.port("PORT")
	forProxy := cmp.Or(s.port, "localhost:3000")
	s.HTTPAddr = r.addr("HTTP_ADDR", pick(proxy, forProxy, pick(s.Prod, ":80", "localhost:8080")), !proxy)
	s.HTTP3 = r.oneOf("HTTP3", "off", "off", "on") == "on"
	// A port moves only if the user did not set one. In proxy mode it never moves, because the proxy is configured for it.
	s.HTTPSMoves = !s.Prod && !proxy && r.unset("HTTPS_ADDR")
	s.HTTPMoves = !s.Prod && !proxy && r.unset("HTTP_ADDR")
}

func (s *Settings) readCertificateFiles(r *reader) {
	s.CertFiles, s.KeyFiles = r.list("TLS_CERT_FILE"), r.list("TLS_KEY_FILE")
	if s.local() && len(s.CertFiles) == 0 && len(s.KeyFiles) == 0 {
		s.CertFiles, s.KeyFiles = []string{filepath.Join("certs", "cert.pem")}, []string{filepath.Join("certs", "key.pem")}
	}
	s.ClientCAFile = r.text("TLS_CLIENT_CA_FILE", "")
}

func (s *Settings) readProxies(r *reader) {
	s.TrustedProxies = r.proxies("TRUSTED_PROXIES")
	s.ClientIPHeader = r.oneOf("CLIENT_IP_HEADER", "X-Forwarded-For",
		"X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "Fly-Client-IP")
	if v, _ := r.lookup("CLIENT_IP_HEADER"); v != "" && r.unset("TRUSTED_PROXIES") && !s.InProxyMode() {
		r.fault("CLIENT_IP_HEADER", v, "is read from trusted proxies only, and TRUSTED_PROXIES names none",
			"set TRUSTED_PROXIES to your proxy's addresses, or remove CLIENT_IP_HEADER")
	}
	s.ProxyProtocol = r.oneOf("PROXY_PROTOCOL", "off", "off", "on") == "on"
	switch {
	case s.ProxyProtocol && s.InProxyMode():
		// The peer would be the visitor in the PROXY header, who is not trusted: X-Forwarded-Proto would be
		// ignored.
		r.fault("PROXY_PROTOCOL", "on", "is for a balancer that passes TLS through: with TLS_MODE=proxy the proxy decrypts, "+
			"and sends the visitor's address in X-Forwarded-For", "remove PROXY_PROTOCOL and let the proxy send no PROXY "+
			"header, or let it pass TLS through and set TLS_MODE=acme or files")
	case s.ProxyProtocol && r.unset("TRUSTED_PROXIES"):
		r.fault("TRUSTED_PROXIES", "", "required, since PROXY_PROTOCOL=on: the server believes PROXY headers from "+
			"these addresses only", "set it to your balancer's own addresses, such as 10.0.0.7")
	}
	if s.InProxyMode() {
		s.TrustedProxies = append(s.TrustedProxies, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
}

func (s *Settings) readHeaders(r *reader) {
	s.HSTS = r.hsts("HSTS", pick(s.Prod, "max-age=31536000", "max-age=0"))
	s.CORSOrigins = r.origins("CORS_ORIGINS", s.Prod)
}

func (s *Settings) readLogs(r *reader) {
	s.LogJSON = r.oneOf("LOG_FORMAT", pick(s.Prod, "json", "text"), "text", "json") == "json"
	s.LogLevel.UnmarshalText([]byte(r.oneOf("LOG_LEVEL", "info", "debug", "info", "warn", "error")))
}

func (s *Settings) readOperation(r *reader) {
	s.AdminAddr = r.addr("ADMIN_ADDR", "off", true)
	if s.AdminAddr != "" && !IsLoopback(s.AdminAddr) {
		r.fault("ADMIN_ADDR", s.AdminAddr, "would show metrics and profiles to other machines",
			"use a loopback address such as localhost:6060")
	}
	s.ShutdownGrace = r.duration("SHUTDOWN_GRACE", pick(s.Prod, 20*time.Second, 5*time.Second))
	if r.unset("GOMEMLIMIT") { // Go itself reads it
		s.MemoryLimit = memoryLimit(os.DirFS("/"))
	}
	s.DataFolder = r.text("DATA_DIR", filepath.Join(r.stateDirectory(), "data"))
	if strings.Contains(s.DataFolder, "://") {
		r.fault("DATA_DIR", s.DataFolder, "is not a folder",
			"write the path of a folder on this machine, such as /srv/shop/data")
	}
}

// checkAddresses refuses a port that two settings name.
func (s *Settings) checkAddresses(r *reader) {
	taken := map[string]string{} // by port: the setting
	hosts := map[string]string{}
	for _, a := range []struct{ name, value string }{
		{"HTTPS_ADDR", s.HTTPSAddr}, {"HTTP_ADDR", s.HTTPAddr}, {"ADMIN_ADDR", s.AdminAddr},
	} {
		host, port, err := net.SplitHostPort(a.value)
		if err != nil || port == "0" {
			continue // closed, or chosen by the system
		}
		if other, ok := taken[port]; ok && (host == hosts[port] || host == "" || hosts[port] == "") {
			r.fault(a.name, a.value, "is the address of "+other+" too", "give each another port")
			continue
		}
		taken[port], hosts[port] = a.name, host
	}
}

// stateDirectory returns the folder that systemd keeps for the service, or "". systemd separates several by colons.
func (r *reader) stateDirectory() string {
	dirs, _ := r.lookup("STATE_DIRECTORY")
	first, _, _ := strings.Cut(dirs, ":")
	return first
}

// checkProxyMode closes the port for https, and refuses TLS_CLIENT_CA_FILE, which only the proxy can enforce.
func (s *Settings) checkProxyMode(r *reader) {
	if !s.InProxyMode() {
		return
	}
	if v, _ := r.lookup("HTTPS_ADDR"); v != "" && v != "off" {
		s.warn("HTTPS_ADDR is ignored: with TLS_MODE=proxy the server listens on HTTP_ADDR only")
	}
	s.HTTPSAddr = ""
	if s.ClientCAFile != "" {
		r.fault("TLS_CLIENT_CA_FILE", s.ClientCAFile,
			"cannot be enforced with TLS_MODE=proxy: TLS ends at the proxy, and this server sees no client certificate",
			"let the proxy ask for certificates (nginx: ssl_client_certificate and ssl_verify_client on; "+
				"Apache: SSLCACertificateFile and SSLVerifyClient require; HAProxy: ca-file and verify required) "+
				"and remove TLS_CLIENT_CA_FILE, or let this server decrypt, with TLS_MODE=files")
	}
	if s.Prod && len(s.Domains) == 0 {
		s.warn("DOMAINS is empty: the server answers for every host that the proxy passes on")
	}
}

// checkHTTP3 refuses HTTP3 in modes where QUIC does not reach this server.
func (s *Settings) checkHTTP3(r *reader) {
	if !s.HTTP3 {
		return
	}
	switch {
	case !s.Prod:
		r.fault("HTTP3", "on", "is for production only: browsers refuse QUIC with the certificate of a development CA",
			"remove HTTP3, or set ENV=prod")
	case s.InProxyMode():
		r.fault("HTTP3", "on", "has no effect with TLS_MODE=proxy: visitors connect to the proxy, which has the certificate",
			"remove HTTP3, and turn on HTTP/3 at the proxy")
	case s.ProxyProtocol:
		r.fault("HTTP3", "on", "has no effect with PROXY_PROTOCOL=on: over UDP no PROXY header has the visitor's address",
			"remove HTTP3, or remove PROXY_PROTOCOL and let visitors connect to this server directly")
	}
}

// platforms are the ranges from which the proxies of platforms connect, in use in November 2026. No platform
// promises its range. Some need another header than X-Forwarded-For, because its last address there is not the
// visitor's.
const platforms = "Heroku 10.0.0.0/8, Render 10.0.0.0/8,cloudflare, Cloud Run 169.254.0.0/16, " +
	"Fly 172.16.0.0/12 with CLIENT_IP_HEADER=Fly-Client-IP, Railway 100.64.0.0/10 with CLIENT_IP_HEADER=X-Real-IP"

// checkPort refuses PORT, which platforms set, if the settings serve the site in another way than a platform
// expects.
func (s *Settings) checkPort(r *reader) {
	written := strings.TrimPrefix(s.port, ":")
	switch {
	case s.port == "":
	case s.InProxyMode():
		if s.HTTPAddr != "" && !strings.HasSuffix(s.HTTPAddr, s.port) {
			s.warn("PORT=" + written + " is ignored: HTTP_ADDR=" + s.HTTPAddr + " is set. If a platform set PORT, it " +
				"expects the site on that port: remove HTTP_ADDR, or set it to an empty value")
		}
		if r.unset("TRUSTED_PROXIES") && !IsLoopback(s.HTTPAddr) {
			r.fault("TRUSTED_PROXIES", "", "required, since PORT is set: without it the server ignores what the "+
				"platform's proxy says about visitors, so all have one address, and there is no redirect to https and no HSTS",
				"set the range of your platform's proxy: "+platforms)
		}
	case s.Prod && r.unset("HTTPS_ADDR") && r.unset("HTTP_ADDR"):
		r.fault("PORT", written, "is set by a platform that decrypts https itself and passes plain requests to this port, "+
			"but TLS_MODE="+string(s.Mode)+" serves https, on port 443",
			"on such a platform set TLS_MODE=proxy, elsewhere set HTTPS_ADDR and HTTP_ADDR or remove PORT")
	default:
		s.warn("PORT=" + written + " is ignored: it is used with TLS_MODE=proxy only. Set the ports with HTTPS_ADDR and HTTP_ADDR")
	}
}

// checkMode refuses development settings in production, a wildcard as the canonical name, and warns of HSTS in
// development.
func (s *Settings) checkMode(r *reader) {
	if s.Prod && s.local() {
		r.fault("TLS_MODE", "local", "is for development only: no visitor's browser trusts its certificate",
			"set acme, files or proxy, or set ENV=dev")
	}
	if !s.Prod && s.HSTS != "" && !strings.HasPrefix(strings.ReplaceAll(s.HSTS, `"`, ""), "max-age=0") {
		s.warn("HSTS=" + s.HSTS + ": browsers remember it for that time, and refuse plain http and untrusted certificates " +
			"on every port of these hosts. To undo it, set HSTS=max-age=0 and visit the site again")
	}
	if len(s.Domains) > 0 && strings.HasPrefix(s.Domains[0], "*.") && s.Mode != setting.ACME { // which has none at all
		r.fault("DOMAINS", s.Domains[0], "the first name is the main one and cannot be a wildcard",
			"put a full host name first")
	}
	if s.Prod && !s.DevCAConstraints {
		r.fault("DEV_CA_CONSTRAINTS", "off", "is for development only", "remove DEV_CA_CONSTRAINTS, or set ENV=dev")
	}
}

// findLocalCA finds the folder of the development CA, and the user to whom its files belong.
func (s *Settings) findLocalCA(r *reader) {
	if !s.local() {
		return
	}
	getenv := func(k string) string { v, _ := r.lookup(k); return v }
	var err error
	if s.LocalCADir, err = localca.Dir(getenv); err != nil {
		s.LocalCADir = filepath.Join("certs", "ca") // without a home folder, each project has its own CA
		if !s.DevCAConstraints {
			s.LocalCADir = localca.Unconstrained(s.LocalCADir)
		}
	}
	s.LocalOwner = localca.Invoker(getenv)
	if !s.DevCAConstraints {
		s.warn("DEV_CA_CONSTRAINTS=off: a program that reads the key in " + s.LocalCADir + " can pose as any site " +
			"to browsers that trust this CA. When you are done, remove the setting and run: DEV_CA_CONSTRAINTS=off make untrust")
	}
}

func (s *Settings) warn(text string) { s.Warnings = append(s.Warnings, text) }

// IsLoopback reports whether only programs on this machine can reach a listener at addr, which is host:port.
func IsLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func pick[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}
