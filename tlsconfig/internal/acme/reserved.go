package acme

import "net/netip"

// reserved are the addresses for which no public CA issues: those in IANA's registries of special-purpose addresses
// (RFC 6890), and multicast (Baseline Requirements 4.2.2). The first that fits counts.
var reserved = []struct {
	what     string
	prefixes []netip.Prefix
}{
	{"a loopback address", prefixes("127.0.0.0/8", "::1/128")},
	{"a private address", prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")},
	{"an address behind a provider's address translation", prefixes("100.64.0.0/10")},
	{"a link-local address", prefixes("169.254.0.0/16", "fe80::/10")},
	{"an address for examples", prefixes("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32",
		"3fff::/20")},
	{"a reserved address", prefixes("0.0.0.0/8", "192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24",
		"192.88.99.0/24", "192.175.48.0/24", "198.18.0.0/15", "224.0.0.0/3",
		"2001::/23", "2002::/16", "2620:4f:8000::/48",
		"::/3", "4000::/2", "8000::/1")}, // IPv6 outside 2000::/3, which alone is in use
}

func prefixes(written ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(written))
	for i, p := range written {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

// reservation says why no public CA issues for an address. It is empty for an address of the internet.
func reservation(a netip.Addr) string {
	for _, r := range reserved {
		for _, p := range r.prefixes {
			if p.Contains(a) {
				return r.what
			}
		}
	}
	return ""
}
