// Package ports opens the site's ports: HTTPS_ADDR, HTTP_ADDR and ADMIN_ADDR. Sockets that the parent process
// opened take the place of addresses. Conns are connections whose first bytes can be looked at.
//
// Each port that cannot be opened is a Fault that says what to do. The package accepts no connection. It imports
// app/settings and portowner, and no other package of this project.
package ports

import (
	"net"
	"strings"

	"example.com/turnkey/app/settings"
)

// Port is one of the site's ports.
type Port struct {
	Name      string           // https, http or admin, as in LISTEN_FDNAMES
	Setting   string           // HTTPS_ADDR, HTTP_ADDR or ADMIN_ADDR
	Addr      string           // to listen on, or of an inherited socket; empty: closed
	Moves     bool             // to the next free port if its own is in use
	Listeners []net.Listener   // those that are open; localhost has two, one for each of its addresses
	Packets   []net.PacketConn // UDP sockets for HTTP/3, on the same addresses
	Inherited bool             // Listeners are sockets of the parent process, which keeps them open
}

// Number returns the number of the open port, which the system chooses for port 0. It returns 0 if the port is closed.
func (p *Port) Number() int {
	if len(p.Listeners) == 0 {
		return 0
	}
	return portNumber(p.Listeners[0])
}

// Addresses returns the open addresses, separated by spaces.
func (p *Port) Addresses() string {
	var out []string
	for _, ln := range p.Listeners {
		out = append(out, ln.Addr().String())
	}
	return strings.Join(out, " ")
}

// Set is all ports of a site. It is not safe for concurrent use.
type Set struct {
	HTTPS, HTTP, Admin Port

	proxyMode bool // TLS ends at the proxy, so HTTPS stays closed
	http3     bool // HTTPS is open over UDP as well
}

// New returns the ports that s asks for. None of them is open yet.
func New(s settings.Settings) *Set {
	return &Set{
		HTTPS:     Port{Name: "https", Setting: "HTTPS_ADDR", Addr: s.HTTPSAddr, Moves: s.HTTPSMoves},
		HTTP:      Port{Name: "http", Setting: "HTTP_ADDR", Addr: s.HTTPAddr, Moves: s.HTTPMoves},
		Admin:     Port{Name: "admin", Setting: "ADMIN_ADDR", Addr: s.AdminAddr},
		proxyMode: s.InProxyMode(), http3: s.HTTP3,
	}
}

// All returns the ports in the order https, http, admin.
func (s *Set) All() []*Port { return []*Port{&s.HTTPS, &s.HTTP, &s.Admin} }

func (s *Set) Close() {
	for _, p := range s.All() {
		for _, ln := range p.Listeners {
			ln.Close()
		}
		p.closePackets()
	}
}

// portNumber returns the number of a TCP port, or 0 for another kind of listener.
func portNumber(ln net.Listener) int {
	if a, ok := ln.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}
