package server

import "example.com/turnkey/tlsconfig"

// updateNames replaces the host names that this server answers for. A development site has the addresses that the
// machine has now. A site with TLS_MODE=files and no DOMAINS has the names in the certificates that are being served.
func (s *Server) updateNames() {
	switch {
	case s.Names != nil:
		s.hosts.Replace(s.Names())
	case s.Settings.Mode == tlsconfig.Files && len(s.Settings.Domains) == 0:
		var names []string
		for _, st := range s.Source.Status() {
			names = append(names, st.Names...)
		}
		s.hosts.Replace(names)
	}
}
