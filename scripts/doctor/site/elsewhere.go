package site

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"sync"
)

// elsewhere connects to the other addresses: an old server may still answer on one of them.
func (l *look) elsewhere(ctx context.Context, s *section, leaf *x509.Certificate) {
	others := l.https[1:]
	states, errs := make([]tls.ConnectionState, len(others)), make([]error, len(others))
	var wg sync.WaitGroup
	for i, addr := range others {
		wg.Go(func() { states[i], errs[i] = l.shake(ctx, addr, nil) })
	}
	wg.Wait()
	for i, addr := range others {
		if errs[i] != nil {
			found, fix := l.explain(errs[i])
			s.wrong("address", addr.String()+": "+found, fix)
			continue
		}
		other := states[i].PeerCertificates
		_, err := l.verify(other)
		switch {
		case other[0].Equal(leaf):
			s.ok("address", addr.String()+" sends the same certificate")
		case l.now.After(other[0].NotAfter), other[0].VerifyHostname(l.host) != nil, err != nil:
			s.wrong("address", addr.String()+" sends another certificate, which does not hold",
				"give that server the certificate too, or take its address out of DNS; to see more: --address "+addr.String())
		default:
			s.ok("address", addr.String()+" sends another certificate, which holds as well")
		}
	}
}

// strangers shows the certificate for clients that name no host, or a host that is not served here.
func (l *look) strangers(ctx context.Context, s *section, leaf *x509.Certificate) {
	for _, stranger := range []struct{ check, name, who string }{
		{"no-sni", "", "a client that names no host (no SNI)"},
		{"other-sni", "turnkey-doctor.invalid", "a client that asks for a host that is not here"},
	} {
		state, err := l.shake(ctx, l.https[0], func(c *tls.Config) { c.ServerName = stranger.name })
		switch {
		case err != nil && late(err):
			s.skip(stranger.check, stranger.who+" gets no answer in time")
		case err != nil:
			s.ok(stranger.check, stranger.who+" is refused")
		case state.PeerCertificates[0].Equal(leaf):
			s.ok(stranger.check, stranger.who+" gets this certificate")
		default:
			s.ok(stranger.check, stranger.who+" gets another certificate, for "+part(strings.Join(state.PeerCertificates[0].DNSNames, ", ")))
		}
	}
}
