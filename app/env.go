package main

import (
	"cmp"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"example.com/turnkey/tlsconfig"
)

type fault = tlsconfig.Fault

// env reads settings one by one and gathers what is wrong with them. A variable that is set but empty counts as
// not set, save where a method says otherwise.
type env struct {
	lookup func(string) (string, bool)
	names  []string // every variable asked for, in order
	faults []fault
}

func (e *env) fault(name, value, problem, fix string) {
	e.faults = append(e.faults, fault{Setting: name, Value: value, Problem: problem, Fix: fix})
}

func (e *env) raw(name string) (value string, set bool) {
	if !slices.Contains(e.names, name) {
		e.names = append(e.names, name)
	}
	value, set = e.lookup(name)
	return strings.TrimSpace(value), set
}

func (e *env) text(name, def string) string {
	v, _ := e.raw(name)
	return cmp.Or(v, def)
}

// textOrEmpty takes an empty value for an answer.
func (e *env) textOrEmpty(name, def string) string {
	if v, set := e.raw(name); set {
		return v
	}
	return def
}

func (e *env) oneOf(name, def string, accepted ...string) string {
	v := e.text(name, def)
	if !slices.Contains(accepted, v) {
		e.fault(name, v, "is not known", "set one of: "+strings.Join(accepted, ", "))
		return def
	}
	return v
}

func (e *env) list(name string) []string {
	var out []string
	for v := range strings.SplitSeq(e.text(name, ""), ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

func (e *env) duration(name string, def time.Duration) time.Duration {
	v := e.text(name, "")
	if v == "" {
		return def
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		e.fault(name, v, "is not a duration", "write a number and its unit, such as 20s or 1m30s")
		return def
	}
	return d
}

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
	if ip, err := netip.ParseAddr(strings.Trim(v, "[]")); err == nil {
		return ip.String(), ""
	}
	if name, port, ok := strings.Cut(v, ":"); ok {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			return "", fmt.Sprintf("leave the port out: %s; ports are set by HTTPS_ADDR and HTTP_ADDR", name)
		}
		return "", "a host name has no colon"
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

// addr accepts what net.Listen does ("host:port", ":port"), and "off" where off is allowed, as an empty result. What
// is not understood is empty too: nobody asked for the default's port to be tried.
func (e *env) addr(name, def string, mayBeOff bool) string {
	v := e.text(name, def)
	if v == "off" {
		if mayBeOff {
			return ""
		}
		e.fault(name, v, "cannot be closed", "set an address such as "+def)
		return ""
	}
	i := strings.LastIndexByte(v, ':')
	if i >= 0 {
		if port, err := strconv.ParseUint(v[i+1:], 10, 16); err == nil && validHost(v[:i]) {
			return v[:i] + ":" + strconv.FormatUint(port, 10)
		}
	}
	e.fault(name, v, "is not an address", "write host:port or :port, such as "+cmp.Or(strings.TrimPrefix(def, "off"), "localhost:6060"))
	return ""
}

func validHost(h string) bool {
	if inner, ok := strings.CutPrefix(h, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		_, err := netip.ParseAddr(inner)
		return ok && err == nil
	}
	return !strings.ContainsAny(h, ":/ ")
}

func (e *env) email(name string) string {
	v := e.text(name, "")
	if v == "" {
		return ""
	}
	if a, err := mail.ParseAddress(v); err != nil || a.Address != v {
		e.fault(name, v, "is not an e-mail address", "write it bare, such as you@example.com, or leave it out")
		return ""
	}
	return v
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

// prefixes reads addresses and CIDRs. presets are words for whole lists.
func (e *env) prefixes(name string, presets map[string][]netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, v := range e.list(name) {
		if list, ok := presets[v]; ok {
			out = append(out, list...)
			continue
		}
		p, err := netip.ParsePrefix(v)
		if addr, aerr := netip.ParseAddr(v); aerr == nil {
			p, err = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
		}
		switch {
		case err != nil:
			e.fault(name, v, "is neither an address, nor a CIDR, nor cloudflare", "write e.g. 10.0.0.0/8 or 192.0.2.7 or cloudflare, separated by commas")
		case p.Bits() == 0:
			e.fault(name, v, "would trust the whole internet, so anybody could forge a visitor's address", "name your proxy's own addresses")
		default:
			out = append(out, p.Masked())
		}
	}
	return out
}

// hsts accepts a Strict-Transport-Security value (RFC 6797 §6.1); empty means that none is sent.
func (e *env) hsts(name, def string) string {
	v := e.textOrEmpty(name, def)
	if problem := hstsProblem(v); problem != "" {
		e.fault(name, v, problem, "write e.g. max-age=31536000 (a year), max-age=0 to take it back, or nothing to leave the header out")
		return def
	}
	return v
}

func hstsProblem(v string) string {
	if v == "" {
		return ""
	}
	seen := map[string]bool{}
	maxAge := uint64(0)
	for d := range strings.SplitSeq(v, ";") {
		name, value, hasValue := strings.Cut(strings.TrimSpace(d), "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if seen[name] {
			return "names " + name + " twice"
		}
		seen[name] = true
		switch name {
		case "max-age":
			n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 62)
			if err != nil {
				return "has a max-age that is not a number of seconds"
			}
			maxAge = n
		case "includesubdomains", "preload":
			if hasValue {
				return name + " takes no value"
			}
		default:
			return fmt.Sprintf("has an unknown directive %q", strings.TrimSpace(d))
		}
	}
	if !seen["max-age"] {
		return "has no max-age"
	}
	if seen["preload"] && (!seen["includesubdomains"] || maxAge < 31536000) {
		return "asks for preload, which needs includeSubDomains and a max-age of at least 31536000"
	}
	return ""
}
