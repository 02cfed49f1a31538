package settings

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	hostname "example.com/turnkey/middleware/host"
)

// origins reads a list of origins as browsers send them in Origin: scheme, host and port.
func (r *reader) origins(name string, prod bool) []string {
	var out []string
	for _, v := range r.list(name) {
		switch origin, fix := Origin(v); {
		case v == "*" || strings.Contains(v, "*."):
			r.fault(name, v, "would let the scripts of every site read responses",
				"name each origin, such as https://app.example.com")
		case fix != "":
			r.fault(name, v, "is not an origin", fix)
		case prod && !strings.HasPrefix(origin, "https://"):
			r.fault(name, v, "is not encrypted, so anyone on the network path can put a script into its pages",
				"name the https origin")
		case !slices.Contains(out, origin):
			out = append(out, origin)
		}
	}
	return out
}

// Origin returns an origin as browsers send it: scheme, host, and a port that is not the scheme's default. If v is
// no origin, fix tells how to correct it.
func Origin(v string) (origin, fix string) {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return "", "write scheme and host, such as https://app.example.com"
	}
	if u.User != nil || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", "leave out what comes after the host: " + u.Scheme + "://" + u.Host
	}
	host, fix := Host(strings.TrimSuffix(u.Hostname(), "."))
	if fix != "" {
		return "", fix
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	defaultPort := pick(u.Scheme == "https", "443", "80") // browsers leave it out
	if port := u.Port(); port != "" && port != defaultPort {
		host += ":" + port
	}
	return u.Scheme + "://" + host, ""
}

// AnonymousOrigins warns of each origin in CORS_ORIGINS from which browsers send none of this site's cookies, so that
// every request from there is anonymous. The cookies are Secure and SameSite=Lax. A site is a scheme and a registrable
// domain, on any port (https://html.spec.whatwg.org/multipage/browsers.html#same-site). hosts are the names that this
// site answers for.
func (s *Settings) AnonymousOrigins(hosts []string) (warnings []string) {
	if len(hosts) == 0 { // the site answers for every host, so perhaps for one of the origin's site
		return nil
	}
	for _, origin := range s.CORSOrigins {
		u, err := url.Parse(origin)
		if err != nil {
			continue
		}
		site := siteOf(u.Hostname())
		sameDomain := slices.ContainsFunc(hosts, func(host string) bool { return siteOf(host) == site })
		var fixes []string
		if u.Scheme != "https" {
			fixes = append(fixes, "serve that page over https"+s.certificateForOrigin(sameDomain)+
				" and write CORS_ORIGINS=https"+strings.TrimPrefix(origin, "http"))
		}
		if !sameDomain {
			fixes = append(fixes, "give it a host of the same site ("+siblingHost(hosts[0])+
				"), or let it send a token in a header rather than cookies")
		}
		if len(fixes) > 0 {
			warnings = append(warnings, fmt.Sprintf("CORS_ORIGINS=%s: cookies need https and the same site, so browsers "+
				"neither send nor store this site's cookies there: every request from there is anonymous. To change that: %s",
				origin, strings.Join(fixes, "; ")))
		}
	}
	return warnings
}

// certificateForOrigin returns how a front end's development server on this machine can use this site's certificate
// files, or "" if it cannot.
func (s *Settings) certificateForOrigin(sameDomain bool) string {
	if !sameDomain || s.Prod || len(s.CertFiles) != 1 || len(s.KeyFiles) != 1 {
		return ""
	}
	return fmt.Sprintf(" with this site's own certificate (Vite: server: { https: { cert: %q, key: %q } })",
		s.CertFiles[0], s.KeyFiles[0])
}

// siblingHost returns an example of another host of the same site.
func siblingHost(host string) string {
	host = strings.TrimPrefix(host, "*.")
	if site := siteOf(host); site != "localhost" && strings.Contains(site, ".") && !hostname.IsAddress(site) {
		return "such as https://app." + site
	}
	return "such as https://" + host + " on another port"
}

// siteOf returns a host's registrable domain, or the host itself if it has none, as an address and localhost do.
func siteOf(host string) string {
	host = strings.TrimPrefix(host, "*.")
	if hostname.IsAddress(host) {
		return host
	}
	if site, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return site
	}
	return host
}
