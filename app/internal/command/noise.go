package command

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"example.com/turnkey/middleware"
)

// noiseEvery is how often failed handshakes are summed up.
const noiseEvery = time.Minute

// noise is where net/http logs to. Scanners make thousands of handshakes fail; those are counted and summed up in a
// line a minute. Everything else is passed on.
type noise struct {
	log    *slog.Logger
	hints  bool // the certificate is a development CA's: whoever refuses it is told of, with what to do
	mu     sync.Mutex
	counts map[string]int

	refused   middleware.LogLimit // hints about clients that refuse the development certificate
	balancers middleware.LogLimit // hints about the PROXY protocol
}

// handshakeReasons are found in crypto/tls's messages, the first match counting.
var handshakeReasons = []struct{ text, reason string }{
	{"no certificates configured", "no_certificate"},
	{"first record does not look like a TLS handshake", "not_tls"},
	{"client sent an HTTP request to an HTTPS server", "not_tls"},
	{"unknown certificate", "certificate_not_trusted"},
	{"bad certificate", "certificate_not_trusted"},
	{"client didn't provide a certificate", "no_client_certificate"},
	{"client certificate", "bad_client_certificate"},
	{"certificate signed by unknown authority", "bad_client_certificate"},
	{"unsupported versions", "old_client"},
	{"protocol version", "old_client"},
	{"no cipher suite supported", "old_client"},
	{"unsupported application protocols", "alpn"},
	{"use of closed network connection", "closed_by_server"},
	{"timeout", "gave_up"},
	{"EOF", "gave_up"},
	{"reset by peer", "gave_up"},
	{"broken pipe", "gave_up"},
}

func newNoise(log *slog.Logger, hints bool) *noise {
	return &noise{log: log, hints: hints, counts: map[string]int{}}
}

// Write takes one line of net/http's.
func (n *noise) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	_, handshake, isHandshake := strings.Cut(text, "TLS handshake error from ")
	isPreface := strings.HasPrefix(text, "http2: server: error reading preface")
	switch {
	case isHandshake && strings.HasSuffix(text, errPlainAnswered.Error()):
	case (isHandshake || isPreface) && n.hints && n.hint(text):
	case isHandshake:
		n.count(reasonOf(handshake))
	case isPreface:
		n.count("gave_up")
	default:
		n.log.Warn("net/http", "message", text)
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

func (n *noise) count(reason string) {
	n.mu.Lock()
	n.counts[reason]++
	n.mu.Unlock()
}

// run reports at intervals until ctx is done, and once more then. It calls the others each time, which have reports of their own.
func (n *noise) run(ctx context.Context, others ...func()) {
	report := func() {
		n.report()
		for _, other := range others {
			other()
		}
	}
	ticker := time.NewTicker(noiseEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			report()
		case <-ctx.Done():
			report()
			return
		}
	}
}

func (n *noise) report() {
	n.mu.Lock()
	counts := n.counts
	n.counts = map[string]int{}
	n.mu.Unlock()
	if len(counts) == 0 {
		return
	}
	var attrs []any
	for reason, count := range counts {
		attrs = append(attrs, slog.Int(reason, count))
	}
	n.log.Info("handshakes that failed", attrs...)
}
