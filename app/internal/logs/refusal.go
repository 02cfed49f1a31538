package logs

import "strings"

// refusals are how clients say that they do not trust a certificate's CA, the first match counting. Which client sends
// which alert was seen with Chromium, Firefox, curl, Python, Java and Go; OpenSSL's, over TLS 1.3, arrives under a
// key that crypto/tls does not expect. Node, over TLS 1.3, says nothing and hangs up, as any scanner does.
var refusals = []struct{ text, client, fix string }{
	{"remote error: tls: unknown certificate authority", "Firefox, or curl, Python, Node or another OpenSSL client over TLS 1.2", browserFix + "; for a tool: curl --cacert certs/ca.pem"},
	{"local error: tls: bad record MAC", "curl, wget, Python or another OpenSSL client", toolFix},
	{"remote error: tls: unknown certificate", "Chrome, Edge or another Chromium, or Java", browserFix},
	{"remote error: tls: bad certificate", "a program in Go, or an older Firefox", "make trust SYSTEM=1, or give the program certs/ca.pem, as in: SSL_CERT_FILE=certs/ca.pem"},
}

const (
	browserFix = "make trust (or: go run ./scripts/trust), then restart the browser once"
	toolFix    = "make trust SYSTEM=1, or give the tool certs/ca.pem, as in: curl --cacert certs/ca.pem"
)

// hint tells once an hour which kind of client refuses the development certificate. It says whether the line was such
// a refusal.
func (h *Handshakes) hint(line string) bool {
	for _, r := range refusals {
		if !strings.HasSuffix(line, r.text) {
			continue
		}
		if h.refused.Allow(r.client) {
			h.log.Warn("a client does not trust the development certificate", "likely", r.client, "fix", r.fix)
		}
		return true
	}
	return false
}
