package main

import (
	"github.com/mdp/qrterminal/v3"

	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"example.com/turnkey/tlsconfig/localca"
)

type address struct {
	device string
	ip     net.IP
}

// ownAddress returns the address at which a phone reaches this machine, and others to try. A chosen one wins if the CA
// may sign it.
func ownAddress(chosen string, ca *localca.CA) (addr string, others []string, err error) {
	if chosen != "" {
		if net.ParseIP(chosen) == nil || !ca.Permits(chosen) {
			return "", nil, fmt.Errorf("%q is no private address, and the development CA signs no other; leave -host out to "+
				"see the addresses here", chosen)
		}
		return chosen, nil, nil
	}
	devices, err := net.Interfaces()
	if err != nil {
		return "", nil, err
	}
	var have []address
	for _, d := range devices {
		if d.Flags&net.FlagUp == 0 || d.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		addrs, _ := d.Addrs()
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				have = append(have, address{d.Name, n.IP})
			}
		}
	}
	ranked := rank(have)
	if len(ranked) == 0 {
		return "", nil, errors.New("this machine has no private address, so no phone can reach it; connect it to your " +
			"Wi-Fi and try again")
	}
	return ranked[0], ranked[1:], nil
}

// virtual are beginnings of the names of network devices for containers and virtual machines.
var virtual = []string{"docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "bridge", "podman", "cni", "lxc",
	"tailscale", "utun", "tun", "tap", "wg", "zt", "vEthernet"}

// rank sorts addresses by how likely a phone reaches them: those of real devices and IPv4 first. The certificate is for
// private addresses only (localca.Names).
func rank(have []address) (out []string) {
	have = slices.DeleteFunc(slices.Clone(have), func(a address) bool { return !a.ip.IsPrivate() })
	score := func(a address) (n int) {
		if slices.ContainsFunc(virtual, func(prefix string) bool { return strings.HasPrefix(a.device, prefix) }) {
			n += 2
		}
		if a.ip.To4() == nil {
			n++
		}
		return n
	}
	slices.SortStableFunc(have, func(a, b address) int { return score(a) - score(b) })
	for _, a := range have {
		out = append(out, a.ip.String())
	}
	return out
}

// code draws a QR code of text for a terminal, each line indented. It is black on white in every terminal, since many
// scanners refuse an inverted code. A character shows two modules, one above the other.
func code(text, indent string) string {
	var drawn strings.Builder
	qrterminal.GenerateWithConfig(text, qrterminal.Config{
		Level: qrterminal.L, Writer: &drawn, HalfBlocks: true, QuietZone: 5,
		BlackChar: "█", BlackWhiteChar: "▀", WhiteBlackChar: "▄", WhiteChar: " ",
	})
	// An odd quiet zone begins with half a line, which the library fills up with black. Without that line there are
	// four modules above the code, as ISO/IEC 18004 asks for.
	_, rows, _ := strings.Cut(drawn.String(), "\n")
	var out strings.Builder
	for row := range strings.Lines(rows) {
		out.WriteString(indent + "\x1b[38;5;16;48;5;231m" + strings.TrimSuffix(row, "\n") + "\x1b[0m\n")
	}
	return out.String()
}
