// Package admin serves ADMIN_ADDR, for the operator on this machine: /metrics in the text format of Prometheus, and
// profiles under /debug/pprof/.
//
// It refuses requests that a web page of another site makes the operator's browser send. It opens no port: app/settings
// and app/internal/ports see to it that the port is a loopback one. It imports middleware/host and tlsconfig, and
// nothing under app.
package admin

import (
	"net/http"
	"net/http/pprof"
	"net/url"
	"strings"

	"example.com/turnkey/middleware/host"
	"example.com/turnkey/tlsconfig"
)

// Handler returns the handler of the admin port. It answers requests whose Host is a loopback name, or one of the given
// addresses, such as 127.0.0.2.
func Handler(source tlsconfig.Source, addresses []string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", newMetrics(source))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	names := append([]string{"localhost", "*.localhost", "127.0.0.1", "::1"}, addresses...)
	return adminOnly(host.NewSet(names), mux)
}

// adminOnly refuses requests that a web page makes the operator's browser send. A page can reach a loopback address
// through its own host name, if that resolves to it (DNS rebinding). So the Host has to be a loopback one. A page can
// also send requests across origins. It cannot read the answers, but profiles cost time. So Sec-Fetch-Site and Origin
// must not name another site (https://www.w3.org/TR/fetch-metadata/). Prometheus, curl and go tool pprof send neither
// header.
func adminOnly(hosts *host.Set, next http.Handler) http.Handler {
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

// ownPage reports whether a request comes from the address bar, from a page of the same origin, or from a client that
// is not a browser. It checks every value of the headers, since a client may send several.
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
