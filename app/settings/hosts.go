package settings

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	hostname "example.com/turnkey/middleware/host"
)

// domains reads a list of host names in the form that Host returns, each once.
func (r *reader) domains(name string) []string {
	var out []string
	for _, v := range r.list(name) {
		host, fix := Host(v)
		switch {
		case fix != "":
			r.fault(name, v, "is not a host name", fix)
		case !slices.Contains(out, host):
			out = append(out, host)
		}
	}
	return out
}

// Host returns a host name as clients send it: lower case, ASCII (RFC 5890), without a final dot. A leading "*."
// stays. It returns an IP address in canonical form. If v is neither, host is empty and fix tells how to correct it.
func Host(v string) (host, fix string) {
	if strings.Contains(v, "://") {
		return "", "leave the scheme out: names only, such as example.com"
	}
	if strings.ContainsAny(v, "/?#@ ") {
		return "", "leave path and spaces out: names only, such as example.com,www.example.com"
	}
	if ip, err := netip.ParseAddr(strings.Trim(v, "[]")); err == nil && ip.Zone() == "" {
		return ip.String(), ""
	}
	if strings.Contains(v, ":") {
		name, port, _ := strings.Cut(v, ":")
		if at, err := netip.ParseAddrPort(v); err == nil { // of IPv6
			name, port = at.Addr().String(), "0"
		}
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			return "", fmt.Sprintf("leave the port out: %s; ports are set by HTTPS_ADDR and HTTP_ADDR", name)
		}
		return "", "a host name has no colon"
	}
	if r := forbidden(v); r != 0 {
		return "", fmt.Sprintf("remove %s: host names do not have it", describeRune(r))
	}
	star, rest := "", v
	if after, ok := strings.CutPrefix(rest, "*."); ok {
		star, rest = "*.", after
	}
	ascii, err := hostname.ASCII(rest)
	if err != nil {
		return "", "use letters, digits, dashes and dots, such as www.example.com"
	}
	if endsInNumber(ascii) && !hostname.IsAddress(ascii) {
		return "", "write an IPv4 address as four numbers from 0 to 255 without zeros in front, such as 203.0.113.7; " +
			"no name ends in a number"
	}
	return star + ascii, ""
}

// endsInNumber reports whether browsers read a host as an IPv4 address, valid or not
// (https://url.spec.whatwg.org/#ends-in-a-number-checker).
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	hex, isHex := strings.CutPrefix(last, "0x")
	return strings.Trim(last, "0123456789") == "" || isHex && strings.Trim(hex, "0123456789abcdef") == ""
}
