package server

import (
	"context"
	"time"

	"example.com/turnkey/tlsconfig"
)

// namesEvery is how often names that may change are looked at.
const namesEvery = 5 * time.Second

// followNames keeps answering for the right hosts where those may change.
func (s *Server) followNames(ctx context.Context) {
	ticker := time.NewTicker(namesEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.updateNames()
		}
	}
}

// updateNames answers for the addresses that a laptop has now; and, where certificates alone say which hosts a site
// has, for those in the ones being served.
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
