package command

import (
	"context"
	"time"

	"example.com/turnkey/tlsconfig"
)

// namesEvery is how often names that may change are looked at.
const namesEvery = 5 * time.Second

// followNames keeps answering for the right hosts where those may change.
func (s *server) followNames(ctx context.Context) {
	ticker := time.NewTicker(namesEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.lookAtNames()
		}
	}
}

// lookAtNames answers for the addresses that a laptop has now; and, where certificates alone say which hosts a site
// has, for those in the ones being served.
func (s *server) lookAtNames() {
	switch {
	case s.cfg.names != nil:
		s.hosts.Set(s.cfg.names())
	case s.cfg.mode == tlsconfig.Files && len(s.cfg.domains) == 0:
		var names []string
		for _, st := range s.source.Status() {
			names = append(names, st.Names...)
		}
		s.hosts.Set(names)
	}
}
