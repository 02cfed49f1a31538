package acme

import (
	"crypto/tls"
	"net/http"
	"strings"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// alpnProto is the one protocol that a CA offers in its tls-alpn-01 connection (RFC 8737 §4).
const alpnProto = "acme-tls/1"

func isChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == alpnProto
}

func (s *Source) answerChallenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if h := s.byName[cert.NormalName(hello.ServerName)]; h != nil {
		for _, issuer := range s.issuers {
			if c, err := issuer.TLSChallenge(h.name, hello); c != nil || err != nil {
				return c, err
			}
		}
	}
	s.refused.challenge.Add(1)
	return nil, nil
}

const challengePath = "/.well-known/acme-challenge/"

// HTTPHandler answers http-01 challenges of attempts under way (RFC 8555 §8.3). Any other request is next's.
func (s *Source) HTTPHandler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, challengePath) {
			if answer := s.httpChallenge(r); answer != nil {
				answer.ServeHTTP(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// httpChallenge returns the handler of a request for a challenge. It is nil if no attempt for the request's host is
// under way.
func (s *Source) httpChallenge(r *http.Request) http.Handler {
	name := r.Host
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		name = name[:i]
	}
	h := s.byName[cert.NormalName(name)]
	if h == nil {
		return nil
	}
	for _, issuer := range s.issuers {
		if answer := issuer.HTTPChallenge(h.name); answer != nil {
			return answer
		}
	}
	return nil
}
