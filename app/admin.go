package main

import (
	"net/http"
	"net/http/pprof"
)

// newAdmin is for the operator on this machine: /metrics in Prometheus' text format, profiles under /debug/pprof/.
func (s *server) newAdmin() *http.Server {
	mux := http.NewServeMux()
	mux.Handle("/metrics", newMetrics(s.source))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	srv := s.newServer(mux)
	srv.WriteTimeout = 0 // a profile takes as long as it is asked to
	return srv
}
