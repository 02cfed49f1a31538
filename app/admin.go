package main

import (
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"strings"

	"example.com/turnkey/middleware"
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
	names := []string{"localhost", "*.localhost", "127.0.0.1", "::1"}
	for _, ln := range s.listeners.admin {
		if host, _, err := net.SplitHostPort(ln.Addr().String()); err == nil {
			names = append(names, host) // 127.0.0.2 is a loopback address, too
		}
	}
	srv := s.newServer(adminOnly(middleware.NewHostSet(names), mux))
	srv.WriteTimeout = 0 // a profile takes as long as it is asked to
	return srv
}

// adminOnly refuses what a web page makes the operator's browser send. A page can reach loopback addresses through a name
// of its own that leads there (DNS rebinding), so only loopback hosts are answered for. And it can send requests across
// origins, also ones by GET, whose answers it cannot read but whose profiles cost time; so the browser has to say that the
// request came from no other site (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/). Prometheus, curl and go tool
// pprof send neither header.
func adminOnly(hosts *middleware.HostSet, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !hosts.Allows(r.Host):
			http.Error(w, "ADMIN_ADDR answers for loopback hosts only, such as localhost", http.StatusMisdirectedRequest)
		case !ownPage(r):
			http.Error(w, "ADMIN_ADDR answers no requests from other sites", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ownPage reports whether a request was typed, was sent by a page of the same origin, or by no browser. Every value of the
// headers counts: a client may send several.
func ownPage(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "none" && site != "same-origin" {
			return false
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" || !strings.EqualFold(u.Host, r.Host) {
			return false
		}
	}
	return true
}
