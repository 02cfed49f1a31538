package logs

import (
	"log/slog"
	"net"
	"strings"
	"sync"

	"example.com/turnkey/middleware/loglimit"
)

// Handshakes counts failed handshakes by reason, because scanners cause thousands, and Report logs the counts. It is
// also the writer for http.Server.ErrorLog, and logs those lines as they are. It is safe for concurrent use.
type Handshakes struct {
	log    *slog.Logger
	hints  bool // log which clients refuse the certificate of a development CA, and what to do
	mu     sync.Mutex
	counts map[string]int

	refused   loglimit.Limit // hints about clients that refuse the development certificate
	balancers loglimit.Limit // hints about the PROXY protocol
}

// handshakeReasons are the reasons by a part of crypto/tls's message. The first match counts.
var handshakeReasons = []struct{ text, reason string }{
	{"no certificates configured", "no_certificate"},
	{"first record does not look like a TLS handshake", "not_tls"},
	{"unknown certificate", "certificate_not_trusted"},
	{"bad certificate", "certificate_not_trusted"},
	{"client didn't provide a certificate", "no_client_certificate"},
	{"client certificate", "bad_client_certificate"},
	{"certificate signed by unknown authority", "bad_client_certificate"},
	{"unsupported versions", "old_client"},
	{"protocol version", "old_client"},
	{"no cipher suite supported", "old_client"},
	{"unsupported application protocols", "alpn"},
	{"the handshake is too long", "too_long"},
	{"use of closed network connection", "closed_by_server"},
	{"timeout", "gave_up"},
	{"EOF", "gave_up"},
	{"reset by peer", "gave_up"},
	{"broken pipe", "gave_up"},
}

// NewHandshakes returns a writer for http.Server.ErrorLog. With hints it also logs which clients refuse the
// certificate.
func NewHandshakes(log *slog.Logger, hints bool) *Handshakes {
	return &Handshakes{log: log, hints: hints, counts: map[string]int{}}
}

// Failed counts the error of a handshake.
func (h *Handshakes) Failed(err error) {
	if text := err.Error(); !h.hints || !h.hint(text) {
		h.count(reasonOf(text))
	}
}

// Write takes one line of net/http. It never fails. Over TLS 1.2 and HTTP/2 a client refuses the certificate after the
// server's part of the handshake.
func (h *Handshakes) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	switch isPreface := strings.HasPrefix(text, "http2: server: error reading preface"); {
	case isPreface && h.hints && h.hint(text):
	case isPreface:
		h.count("gave_up")
	default:
		h.log.Warn("net/http", "message", text)
	}
	return len(line), nil
}

func reasonOf(message string) string {
	for _, r := range handshakeReasons {
		if strings.Contains(message, r.text) {
			return r.reason
		}
	}
	return "other"
}

func (h *Handshakes) count(reason string) {
	h.mu.Lock()
	h.counts[reason]++
	h.mu.Unlock()
}

// Report logs what was counted since the last report, if anything.
func (h *Handshakes) Report() {
	h.mu.Lock()
	counts := h.counts
	h.counts = map[string]int{}
	h.mu.Unlock()
	if len(counts) == 0 {
		return
	}
	var attrs []any
	for reason, count := range counts {
		attrs = append(attrs, slog.Int(reason, count))
	}
	h.log.Info("handshakes that failed", attrs...)
}

// ProxyHeader logs that a PROXY header came to the port of a setting from an address that is not trusted, once an hour
// for each port and version. on: the port reads the header from trusted addresses. settable: PROXY_PROTOCOL=on would
// make it do so.
func (h *Handshakes) ProxyHeader(conn net.Conn, setting, version string, on, settable bool) {
	if !h.balancers.Allow(setting + version) {
		return
	}
	from := conn.RemoteAddr().String()
	ip, _, _ := net.SplitHostPort(from)
	message, trust := "a connection began with a PROXY protocol header, which this server does not read", ""
	switch {
	case on:
		message = "a PROXY protocol header was refused, because its sender is not in TRUSTED_PROXIES"
		trust = "add it: TRUSTED_PROXIES=" + ip + ", or "
	case settable:
		trust = "set PROXY_PROTOCOL=on and TRUSTED_PROXIES=" + ip + ", or "
	}
	h.log.Warn(message, "from", from, "port", setting, "version", version,
		"fix", "if that address is your balancer, "+trust+"stop it from sending the header: "+
			"HAProxy, take send-proxy and send-proxy-v2 off the server line; "+
			"AWS Network Load Balancer, turn Proxy protocol v2 off in the target group; nginx, proxy_protocol off")
}

// NoProxyHeader logs, once an hour, that a trusted address did not send the required PROXY header.
func (h *Handshakes) NoProxyHeader(conn net.Conn, err error) {
	h.count("proxy_header")
	if h.balancers.Allow("none") {
		h.log.Warn("a connection from TRUSTED_PROXIES was refused, because it began without a PROXY protocol header",
			"from", conn.RemoteAddr().String(), "error", err.Error(),
			"fix", "let the balancer send it, in its health checks too: HAProxy, send-proxy-v2 check-send-proxy; "+
				"if that address is not your balancer, name the balancer's own addresses in TRUSTED_PROXIES")
	}
}

// refusals are the errors by which clients refuse a certificate because they do not trust its CA. The first match
// counts. Which client sends which alert was tried with Chromium, Firefox, curl, Python, Java and Go. OpenSSL encrypts
// its alert over TLS 1.3 with a key that crypto/tls does not expect, so crypto/tls reports a bad record. Node over TLS
// 1.3 closes the connection without an alert, as scanners do, so it cannot be recognised.
var refusals = []struct{ text, client, fix string }{
	{"remote error: tls: unknown certificate authority",
		"Firefox, or curl, Python, Node or another OpenSSL client over TLS 1.2",
		browserFix + "; for a tool: curl --cacert certs/ca.pem"},
	{"local error: tls: bad record MAC", "curl, wget, Python or another OpenSSL client", toolFix},
	{"remote error: tls: unknown certificate", "Chrome, Edge or another Chromium, or Java", browserFix},
	{"remote error: tls: bad certificate", "a program in Go, or an older Firefox",
		"make trust SYSTEM=1, or give the program certs/ca.pem, as in: SSL_CERT_FILE=certs/ca.pem"},
}

const (
	browserFix = "make trust (or: go run ./scripts/trust), then restart the browser once"
	toolFix    = "make trust SYSTEM=1, or give the tool certs/ca.pem, as in: curl --cacert certs/ca.pem"
)

// hint reports whether an error is a client's refusal of the development certificate. Once an hour it logs which kind
// of client that is, and what to do.
func (h *Handshakes) hint(text string) bool {
	for _, r := range refusals {
		if !strings.HasSuffix(text, r.text) {
			continue
		}
		if h.refused.Allow(r.client) {
			h.log.Warn("a client does not trust the development certificate", "likely", r.client, "fix", r.fix)
		}
		return true
	}
	return false
}
