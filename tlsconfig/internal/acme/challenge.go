package acme

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"

	hostname "example.com/turnkey/middleware/host"
)

const (
	alpnProto     = "acme-tls/1" // the one protocol that a CA offers in its tls-alpn-01 connection (RFC 8737 §4)
	challengePath = "/.well-known/acme-challenge/"
)

func isChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == alpnProto
}

func (s *Source) answerChallenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name, _ := hostname.Split(hello.ServerName)
	if h := s.challenged[name]; h != nil {
		for _, issuer := range s.issuers {
			if c, err := issuer.TLSChallenge(h.name, hello); c != nil || err != nil {
				return c, err
			}
		}
	}
	s.strayChallenge.Add(1)
	return nil, nil
}

// challengeName is the server name with which a CA connects for tls-alpn-01. For an address it is the one that DNS has
// for reverse look-ups (RFC 8738 §6), such as 7.113.0.203.in-addr.arpa.
func challengeName(h *host) string {
	if !h.addr.IsValid() {
		return h.name
	}
	name := "ip6.arpa"
	if h.addr.Is4() {
		name = "in-addr.arpa"
	}
	for _, b := range h.addr.AsSlice() {
		if h.addr.Is4() {
			name = fmt.Sprintf("%d.%s", b, name)
		} else {
			name = fmt.Sprintf("%x.%x.%s", b&15, b>>4, name)
		}
	}
	return name
}

// HTTPHandler answers http-01 challenges (RFC 8555 §8.3). Any other request is next's.
func (s *Source) HTTPHandler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token, ok := strings.CutPrefix(r.URL.Path, challengePath); ok && s.find(r.Host) != nil {
			if answer := s.options.Issuer.HTTPChallenge(token); answer != "" {
				w.Header().Set("Content-Type", "text/plain; charset=utf-8")
				io.WriteString(w, answer)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
