package localca

import (
	"crypto/x509"
	"net"
	"slices"
	"strings"
)

// Names returns the names that a project's development certificate should have: the local ones, this machine's own and
// its private addresses, then extra. Every name is in lower case and occurs once.
func Names(project string, extra []string) []string {
	names := []string{"localhost", project + ".localhost", "host.docker.internal", "127.0.0.1", "::1"}
	if h := hostname(); dnsName(h) {
		names = append(names, h)
		if !strings.Contains(h, ".") {
			names = append(names, h+".local")
		}
	}
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.IsPrivate() {
				names = append(names, n.IP.String())
			}
		}
	}
	var out []string
	for _, n := range append(names, extra...) {
		if n = strings.ToLower(n); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// dnsName reports whether a machine's name can be in a certificate. Names with spaces, underscores or apostrophes
// cannot.
func dnsName(s string) bool {
	return s != "" && len(s) < 254 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" &&
		!strings.Contains(s, "..") && !strings.HasPrefix(s, "-") && !strings.HasPrefix(s, ".") &&
		!strings.HasSuffix(s, "-")
}

func certNames(leaf *x509.Certificate) []string {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }
