package logs

import "strings"

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
