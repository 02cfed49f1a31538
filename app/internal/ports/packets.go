package ports

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
)

// openPackets opens a UDP socket on the address of each listener, or none. A socket for all IPv6 addresses serves IPv4
// too, unless another listener does.
func (p *Port) openPackets() error {
	for _, ln := range p.Listeners {
		network := "udp"
		if at, ok := ln.Addr().(*net.TCPAddr); ok && len(p.Listeners) > 1 {
			network = "udp6"
			if at.IP.To4() != nil {
				network = "udp4"
			}
		}
		conn, err := net.ListenPacket(network, ln.Addr().String())
		if err != nil {
			p.closePackets()
			p.Packets = nil
			return err
		}
		p.Packets = append(p.Packets, conn)
	}
	return nil
}

func (p *Port) closePackets() {
	for _, conn := range p.Packets {
		conn.Close()
	}
}

// astray returns a note for each inherited UDP socket on another port than that of https: browsers use HTTP/3 on the
// port of https only.
func (p *Port) astray() (notes []string) {
	for _, conn := range p.Packets {
		if at, ok := conn.LocalAddr().(*net.UDPAddr); ok && at.Port != p.Number() {
			notes = append(notes, fmt.Sprintf("browsers look for HTTP/3 on the port of https, %d, and the UDP socket that was "+
				"passed is on port %d: in the .socket unit, give ListenDatagram= the port of ListenStream=", p.Number(), at.Port))
		}
	}
	return notes
}

// noPackets says why a port is not open over UDP. This is no fault: browsers use HTTP/3 only where a response over TCP
// has offered it.
func noPackets(p Port, err error) string {
	why := err.Error()
	switch {
	case inUse(err):
		why = fmt.Sprintf("another program has it; `lsof -i UDP:%d` names it", p.Number())
	case errors.Is(err, fs.ErrPermission) && p.Inherited:
		why = "this user may not open it: add a line ListenDatagram= to the .socket unit, below ListenStream="
	}
	return fmt.Sprintf("HTTP3=on has no effect: UDP port %d cannot be opened (%s); the site is served over TCP alone",
		p.Number(), why)
}
