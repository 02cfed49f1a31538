package server

import (
	"testing"

	"example.com/turnkey/app/settings"
	"example.com/turnkey/middleware/host"
	"example.com/turnkey/tlsconfig"
)

// Without DOMAINS the certificates tell which hosts a site with TLS_MODE=files has, also after a renewal.
func TestHostsFollowTheCertificatesWithoutDomains(t *testing.T) {
	t.Parallel()
	for _, domains := range [][]string{nil, {"old.test"}} {
		s := &Server{hosts: host.NewSet([]string{"old.test"})}
		s.Settings = settings.Settings{Prod: true, Mode: tlsconfig.Files, Domains: domains}
		s.Source = renewedSource{}
		s.updateNames()
		fixed := len(domains) > 0
		if s.hosts.Allows("old.test") != fixed || s.hosts.Allows("new.test") == fixed || s.hosts.Allows("www.new.test") == fixed {
			t.Errorf("with DOMAINS=%q the old name is answered: %v, and a new one: %v",
				domains, s.hosts.Allows("old.test"), s.hosts.Allows("new.test"))
		}
	}
}

// renewedSource has certificates for other names than at the start.
type renewedSource struct{ fixedSource }

func (renewedSource) Status() []tlsconfig.Status {
	return []tlsconfig.Status{{Names: []string{"new.test"}}, {Names: []string{"www.new.test"}}}
}
