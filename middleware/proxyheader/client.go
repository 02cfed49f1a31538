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
	list := strings.Join(header[name], ",")
	var few [4]netip.Addr
	read, rewrite := few[:0], false // from the right
	for more := list != ""; more; {
		i := strings.LastIndexByte(list, ',')
		entry := strings.TrimSpace(list[i+1:])
		list, more = list[:max(i, 0)], i >= 0
		if entry == "" { // to be ignored (RFC 9110 §5.6.1.2)
			rewrite = true
			continue
		}
		addr, bare, isAddr := parseEntry(entry)
		if !isAddr {
			return false
		}
		read, rewrite = append(read, addr), rewrite || !bare
		more = more && contains(trusted, addr)
	}
	if !rewrite || len(read) == 0 {
		return true
	}
	var entries []string
	if list = strings.Trim(list, ", \t"); list != "" {
		entries = append(entries, list)
	}
	for _, addr := range slices.Backward(read) {
		entries = append(entries, addr.String())
	}
	header[name] = []string{strings.Join(entries, ", ")}
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
