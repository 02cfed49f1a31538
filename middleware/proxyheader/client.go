package proxyheader

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// rewriteAddresses rewrites a trusted proxy's list of addresses so that gin can read it. c.ClientIP reads bare
// addresses only, while some proxies write a port (IIS, Azure), brackets (Apache, by RFC 7239) or a zone. gin reads the
// list from the right up to the first address that is not a trusted proxy's. The entries left of that one may be forged
// by the client, and stay as they are. If one of the entries that gin reads is no address, the list stays as it is and
// ok is false. gin then treats the proxy itself as the client.
func rewriteAddresses(header http.Header, name string, trusted []netip.Prefix) (ok bool) {
	values := header[name]
	if len(values) == 0 {
		return true
	}
	list := values[0]
	if len(values) > 1 {
		list = strings.Join(values, ",")
	}
	var entries []netip.Addr // from the right
	plain, some := true, false
	rest := list
	for more := true; more; {
		var entry string
		i := strings.LastIndexByte(rest, ',')
		if entry, more = strings.TrimSpace(rest[i+1:]), i >= 0; more {
			rest = rest[:i]
		} else {
			rest = ""
		}
		if entry == "" { // to be ignored (RFC 9110 §5.6.1.2)
			plain = false
			continue
		}
		some = true
		addr, bare, isAddr := parseEntry(entry)
		if !isAddr {
			return false
		}
		plain = plain && bare
		if isProxy := contains(trusted, addr); plain && !isProxy {
			return true // the most frequent case: there is nothing to rewrite
		} else if entries = append(entries, addr); !isProxy {
			break
		}
	}
	if plain || !some {
		return true
	}
	var b strings.Builder
	if rest = strings.Trim(rest, ", \t"); rest != "" {
		b.WriteString(rest)
	}
	for i := len(entries) - 1; i >= 0; i-- {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(entries[i].String())
	}
	header[name] = []string{b.String()}
	return true
}

// parseEntry reads an address with or without a port, brackets, quotes and zone. An IPv4 address in IPv6 form becomes
// the IPv4 address. bare reports whether gin reads the same address from the entry as it is.
func parseEntry(entry string) (addr netip.Addr, bare, ok bool) {
	if addr, err := netip.ParseAddr(entry); err == nil {
		bare = addr.Zone() == "" && !addr.Is4In6()
		return addr.Unmap().WithZone(""), bare, true
	}
	if n := len(entry); n > 1 && entry[0] == '"' && entry[n-1] == '"' {
		entry = entry[1 : n-1]
	}
	if n := len(entry); n > 1 && entry[0] == '[' && entry[n-1] == ']' {
		addr, err := netip.ParseAddr(entry[1 : n-1])
		return addr.Unmap().WithZone(""), false, err == nil && addr.Is6()
	}
	port, err := netip.ParseAddrPort(entry)
	return port.Addr().Unmap().WithZone(""), false, err == nil
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}
