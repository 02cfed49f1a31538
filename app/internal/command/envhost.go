package command

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// domains normalises host names to what the wire carries: lower case, ASCII (RFC 5890), no final dot.
func (e *env) domains(name string) []string {
	var out []string
	for _, v := range e.list(name) {
		host, fix := normalDomain(v)
		switch {
		case fix != "":
			e.fault(name, v, "is not a host name", fix)
		case !slices.Contains(out, host):
			out = append(out, host)
		}
	}
	return out
}

func normalDomain(v string) (host, fix string) {
	if strings.Contains(v, "://") {
		return "", "leave the scheme out: names only, such as example.com"
	}
	if strings.ContainsAny(v, "/?#@ ") {
		return "", "leave path and spaces out: names only, such as example.com,www.example.com"
	}
	if ip, err := netip.ParseAddr(strings.Trim(v, "[]")); err == nil && ip.Zone() == "" {
		return ip.String(), ""
	}
	if name, port, ok := strings.Cut(v, ":"); ok {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			return "", fmt.Sprintf("leave the port out: %s; ports are set by HTTPS_ADDR and HTTP_ADDR", name)
		}
		return "", "a host name has no colon"
	}
	if r := forbidden(v); r != 0 {
		return "", fmt.Sprintf("take %s out: it is in no host name", spelled(r))
	}
	star, rest := "", strings.TrimSuffix(v, ".")
	if after, ok := strings.CutPrefix(rest, "*."); ok {
		star, rest = "*.", after
	}
	ascii, err := idna.Lookup.ToASCII(rest)
	if err != nil || ascii == "" || strings.Contains(ascii, "..") || len(ascii) > 253 {
		return "", "use letters, digits, dashes and dots, such as www.example.com"
	}
	return star + strings.ToLower(ascii), ""
}

// origins reads what browsers send as Origin: scheme, host and port, exactly.
func (e *env) origins(name string, prod bool) []string {
	var out []string
	for _, v := range e.list(name) {
		switch origin, fix := normalOrigin(v); {
		case v == "*" || strings.Contains(v, "*."):
			e.fault(name, v, "would let every site in", "name each origin, such as https://app.example.com")
		case fix != "":
			e.fault(name, v, "is not an origin", fix)
		case prod && !strings.HasPrefix(origin, "https://"):
			e.fault(name, v, "is not encrypted, so whoever is on its way can use it", "name the https origin")
		case !slices.Contains(out, origin):
			out = append(out, origin)
		}
	}
	return out
}

func normalOrigin(v string) (origin, fix string) {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return "", "write scheme and host, such as https://app.example.com"
	}
	if u.User != nil || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", "leave out what comes after the host: " + u.Scheme + "://" + u.Host
	}
	host, fix := normalDomain(strings.TrimSuffix(u.Hostname(), "."))
	if fix != "" {
		return "", fix
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && (u.Scheme != "https" || port != "443") && (u.Scheme != "http" || port != "80") { // browsers leave these out
		host += ":" + port
	}
	return u.Scheme + "://" + host, ""
}

// anonymousOrigins warns of each origin in CORS_ORIGINS from which browsers send none of this site's cookies, so that every
// request from there is anonymous. The cookies are Secure and SameSite=Lax, and a site is a scheme and a registrable domain,
// on any port (https://html.spec.whatwg.org/multipage/browsers.html#same-site).
func (c config) anonymousOrigins() (warnings []string) {
	if len(c.hosts) == 0 { // the site answers for every host, and this one may be among them
		return nil
	}
	for _, origin := range c.corsOrigins {
		u, err := url.Parse(origin)
		if err != nil {
			continue
		}
		site := siteOf(u.Hostname())
		sameDomain := slices.ContainsFunc(c.hosts, func(host string) bool { return siteOf(host) == site })
		var fixes []string
		if u.Scheme != "https" {
			fixes = append(fixes, "serve that page over https"+c.certificateForOrigin(sameDomain)+
				" and write CORS_ORIGINS=https"+strings.TrimPrefix(origin, "http"))
		}
		if !sameDomain {
			fixes = append(fixes, "give it a host of the same site ("+c.siblingHost()+
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

// certificateForOrigin names the certificate files that a front end's development server on this machine can use, too.
func (c config) certificateForOrigin(sameDomain bool) string {
	if !sameDomain || c.prod || len(c.certFiles) != 1 || len(c.keyFiles) != 1 {
		return ""
	}
	return fmt.Sprintf(" with this site's own certificate (Vite: server: { https: { cert: %q, key: %q } })",
		c.certFiles[0], c.keyFiles[0])
}

// siblingHost is an example of a host of the same site.
func (c config) siblingHost() string {
	host := strings.TrimPrefix(c.hosts[0], "*.")
	if site := siteOf(host); site != "localhost" && strings.Contains(site, ".") && !isAddress(site) {
		return "such as https://app." + site
	}
	return "such as https://" + host + " on another port"
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// siteOf is a host's registrable domain, or the host itself if it has none: an address, localhost.
func siteOf(host string) string {
	host = strings.TrimPrefix(host, "*.")
	if isAddress(host) {
		return host
	}
	if site, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return site
	}
	return host
}
