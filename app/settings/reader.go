package settings

import (
	"cmp"
	"net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/setting"
)

// reader reads settings one by one and gathers what is wrong with them. A variable that is set but empty counts as not
// set, except in hsts.
type reader struct {
	lookup  func(string) (string, bool)
	names   []string // every variable asked for, in order
	refused []string // variables whose value valueProblem refuses; they count as not set
	faults  []Fault
}

func (r *reader) fault(name, value, problem, fix string) {
	r.faults = append(r.faults, Fault{Setting: name, Value: setting.Redacted(value), Problem: problem, Fix: fix})
}

// raw returns a variable's value without the space around it. set is false as well for a value that valueProblem
// refuses.
func (r *reader) raw(name string) (value string, set bool) {
	return r.guarded(name, secret(name), valueProblem)
}

// guarded does what raw does, with a guard that returns what is wrong with a value and what to write instead.
func (r *reader) guarded(name string, secret bool, guard func(name, value string, secret bool) (problem, fix string)) (
	value string, set bool) {
	value, set = r.lookup(name)
	value = strings.TrimSpace(value)
	if !slices.Contains(r.names, name) {
		r.names = append(r.names, name)
		if problem, fix := guard(name, value, secret); problem != "" {
			r.refused = append(r.refused, name)
			r.fault(name, pick(secret, "", value), problem, fix)
		}
	}
	if slices.Contains(r.refused, name) {
		return "", false
	}
	return value, set
}

// unset reports whether the user gave a variable no value. A refused value counts as a value. Commas alone do not:
// they are what is left of A=$B,$C if neither of these is set.
func (r *reader) unset(name string) bool {
	v, _ := r.lookup(name)
	return strings.Trim(v, ", \t\r\n") == ""
}

func (r *reader) text(name, def string) string {
	v, _ := r.raw(name)
	return cmp.Or(v, def)
}

func (r *reader) oneOf(name, def string, accepted ...string) string {
	v := r.text(name, def)
	if !slices.Contains(accepted, v) {
		r.fault(name, v, "is not known", "set one of: "+strings.Join(accepted, ", "))
		return def
	}
	return v
}

func (r *reader) list(name string) []string {
	var out []string
	for v := range strings.SplitSeq(r.text(name, ""), ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

func (r *reader) duration(name string, def time.Duration) time.Duration {
	v := r.text(name, "")
	if v == "" {
		return def
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		r.fault(name, v, "is not a duration", "write a number and its unit, such as 20s or 1m30s")
		return def
	}
	return d
}

// addr reads an address for net.Listen ("host:port", ":port"). It returns "" for "off" where that is allowed. It
// also returns "" for an invalid value, because the default would open a port that was not configured.
func (r *reader) addr(name, def string, mayBeOff bool) string {
	v := r.text(name, def)
	if slices.Contains(r.refused, name) {
		return ""
	}
	if v == "off" {
		if mayBeOff {
			return ""
		}
		r.fault(name, v, "cannot be off with this TLS_MODE", "set an address such as "+def)
		return ""
	}
	i := strings.LastIndexByte(v, ':')
	if i >= 0 {
		if port, err := strconv.ParseUint(v[i+1:], 10, 16); err == nil && validHost(v[:i]) {
			return v[:i] + ":" + strconv.FormatUint(port, 10)
		}
	}
	example := cmp.Or(strings.TrimPrefix(def, "off"), "localhost:6060")
	r.fault(name, v, "is not an address", "write host:port or :port, such as "+example)
	return ""
}

// port reads the number of a port and returns the address that is this port of every interface, or "".
func (r *reader) port(name string) string {
	v := r.text(name, "")
	if v == "" {
		return ""
	}
	n, err := strconv.ParseUint(v, 10, 16)
	if err != nil {
		r.fault(name, v, "is not the number of a port", "write a number up to 65535, such as 3000, or remove "+name)
		return ""
	}
	return ":" + strconv.FormatUint(n, 10)
}

var plainHost = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)

// validHost reports whether the server can listen on h: an empty one (every address), a name, an IPv4 address, or an
// IPv6 address in brackets.
func validHost(h string) bool {
	if inner, ok := strings.CutPrefix(h, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return ok && err == nil && ip.Is6() && plainHost.MatchString(ip.Zone())
	}
	return plainHost.MatchString(h)
}

func (r *reader) email(name string) string {
	v := r.text(name, "")
	if v == "" {
		return ""
	}
	if a, err := mail.ParseAddress(v); err != nil || a.Address != v {
		r.fault(name, v, "is not an email address", "write the address alone, such as you@example.com, or remove the setting")
		return ""
	}
	return v
}

// proxies reads a list of addresses and CIDRs. The word cloudflare stands for those of Cloudflare.
func (r *reader) proxies(name string) []netip.Prefix {
	var list []string
	for _, v := range r.list(name) {
		if v == "cloudflare" {
			list = append(list, cloudflareIPs...)
		} else {
			list = append(list, v)
		}
	}
	var out []netip.Prefix
	for _, v := range list {
		p, err := netip.ParsePrefix(v)
		if addr, aerr := netip.ParseAddr(v); aerr == nil {
			p, err = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
		}
		switch {
		case err != nil:
			r.fault(name, v, "is neither an address, nor a CIDR, nor cloudflare",
				"write for example 10.0.0.0/8 or 192.0.2.7 or cloudflare, separated by commas")
		case p.Bits() == 0:
			r.fault(name, v, "would trust the whole internet, so every client could forge its address",
				"name your proxy's own addresses")
		default:
			out = append(out, p.Masked())
		}
	}
	return out
}

// cloudflareIPs are the ranges from which Cloudflare's proxies connect, as published at https://www.cloudflare.com/ips/
// on 2023-09-28. They change every few years: compare before you rely on them.
var cloudflareIPs = strings.Fields(`
	173.245.48.0/20 103.21.244.0/22 103.22.200.0/22 103.31.4.0/22 141.101.64.0/18 108.162.192.0/18 190.93.240.0/20
	188.114.96.0/20 197.234.240.0/22 198.41.128.0/17 162.158.0.0/15 104.16.0.0/13 104.24.0.0/14 172.64.0.0/13
	131.0.72.0/22
	2400:cb00::/32 2606:4700::/32 2803:f800::/32 2405:b500::/32 2405:8100::/32 2a06:98c0::/29 2c0f:f248::/32`)
