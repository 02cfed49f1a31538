package ports

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"example.com/turnkey/app/settings"
)

// Socket is a listening TCP socket, or a UDP socket, that the parent process opened. The parent keeps it open while this
// program is replaced, so that a restart refuses no connection.
type Socket struct {
	Name     string // https, http or admin; empty: the number of its port decides
	listener net.Listener
	packets  net.PacketConn // of a UDP socket, which has no listener
	given    string         // the Name by the parent process, once Name is that of the port
}

func (s Socket) close() {
	if s.packets != nil {
		s.packets.Close()
		return
	}
	s.listener.Close()
}

const (
	firstPassed = 3  // the first file descriptor after stdin, stdout and stderr
	maxPassed   = 64 // a higher LISTEN_FDS is refused
)

// Inherited takes over the sockets that LISTEN_FDS announces, as systemd's sd_listen_fds(3) does. LISTEN_FDS is their
// number, from file descriptor 3 on, and LISTEN_FDNAMES has their names. LISTEN_PID is the process that they are for.
// Without it they are for this one, since not every parent knows the process id of its child beforehand.
//
// Inherited removes the variables from the environment, so programs that this one starts get neither them nor the
// sockets.
func Inherited(lookup func(string) (string, bool)) (sockets []Socket, faults []settings.Fault) {
	value := func(name string) string { v, _ := lookup(name); return strings.TrimSpace(v) }
	count, pid, list := value("LISTEN_FDS"), value("LISTEN_PID"), value("LISTEN_FDNAMES")
	if count == "" {
		return nil, nil
	}
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	const fix = "a parent that passes sockets sets it, such as systemd; " +
		"without such a parent, remove it from the environment"
	if pid != "" {
		n, err := strconv.Atoi(pid)
		if err != nil || n <= 0 {
			return nil, []settings.Fault{{Setting: "LISTEN_PID", Value: pid,
				Problem: "is not the number of a process", Fix: fix}}
		}
		if n != os.Getpid() {
			return nil, nil
		}
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxPassed {
		return nil, []settings.Fault{{Setting: "LISTEN_FDS", Value: count,
			Problem: fmt.Sprintf("is not a number of sockets from 0 to %d", maxPassed), Fix: fix}}
	}
	names := make([]string, n)
	if list != "" {
		if names = strings.Split(list, ":"); len(names) != n {
			return nil, []settings.Fault{{Setting: "LISTEN_FDNAMES", Value: list,
				Problem: fmt.Sprintf("does not have one name for each of LISTEN_FDS=%d sockets", n),
				Fix:     "separate the names by colons, or leave all of them out"}}
		}
	}
	for i, name := range names {
		if name == "unknown" || strings.HasSuffix(name, ".socket") { // systemd's words for a socket without a name
			name = ""
		}
		ln, packets, err := inherit(firstPassed + i)
		if err != nil {
			faults = append(faults, settings.Fault{Setting: "LISTEN_FDS", Value: count,
				Problem: fmt.Sprintf("file descriptor %d %v", firstPassed+i, err),
				Fix: "pass TCP sockets that listen, and UDP sockets for HTTP/3; in a systemd .socket unit: ListenStream= or " +
					"ListenDatagram= with a port, and Accept=no"})
			continue
		}
		sockets = append(sockets, Socket{Name: name, listener: ln, packets: packets})
	}
	return sockets, faults
}

// Inherit gives each socket to its port, whose Addr becomes that of the socket. A socket without a name belongs to the
// port of the same number. Of the sockets that match no port, the first is for https and the second for http. Inherit
// closes sockets for which wanted returns false, and sockets that cannot be used. Each of the latter is a fault.
func (s *Set) Inherit(sockets []Socket, wanted func(name string) bool) []settings.Fault {
	var faults []settings.Fault
	for _, socket := range s.named(sockets, wanted) {
		if problem := s.give(socket); problem != "" {
			socket.close()
			faults = append(faults, settings.Fault{Setting: "LISTEN_FDNAMES", Value: socket.given, Problem: problem,
				Fix: "name sockets https, http, or admin (on a loopback address): FileDescriptorName= in a systemd .socket unit"})
		}
	}
	for _, p := range s.All() {
		if len(p.Listeners) > 0 {
			p.Addr = p.Listeners[0].Addr().String()
		}
	}
	return faults
}

// DoNotOpen makes Open open nothing. Call it if an inherited socket cannot be used: the parent process probably still
// listens on the addresses.
func (s *Set) DoNotOpen() {
	for _, p := range s.All() {
		p.Addr = ""
	}
}

// named returns the wanted sockets, each with the name of its port. The name is empty if neither the parent process nor
// the number of the port tells it.
func (s *Set) named(sockets []Socket, wanted func(name string) bool) (out []Socket) {
	nameByPort := map[int]string{}
	for _, p := range s.All() {
		if _, port := hostAndPort(p.Addr); port != 0 {
			nameByPort[port] = p.Name
		}
	}
	var unknown []Socket
	for _, socket := range sockets {
		if !wanted(socket.Name) {
			socket.close()
			continue
		}
		socket.given = socket.Name
		if socket.packets != nil { // QUIC is the only use of UDP
			socket.Name = cmp.Or(socket.Name, "https")
		} else {
			socket.Name = cmp.Or(socket.Name, nameByPort[portNumber(socket.listener)])
		}
		if socket.Name == "" {
			unknown = append(unknown, socket)
		} else {
			out = append(out, socket)
		}
	}
	taken := map[string]bool{"https": s.proxyMode}
	for _, socket := range out {
		taken[socket.Name] = taken[socket.Name] || socket.packets == nil
	}
	for _, socket := range unknown {
		at := portNumber(socket.listener)
		switch { // localhost is two sockets, on 127.0.0.1 and ::1, with one number
		case nameByPort[at] != "":
			socket.Name = nameByPort[at]
		case !taken["https"]:
			socket.Name = "https"
		case !taken["http"]:
			socket.Name = "http"
		}
		nameByPort[at], taken[socket.Name] = socket.Name, true
		out = append(out, socket)
	}
	return out
}

// give adds a socket to its port, or returns why it cannot be used.
func (s *Set) give(socket Socket) (problem string) {
	if socket.packets != nil {
		switch {
		case socket.Name != s.HTTPS.Name:
			return "is given to a UDP socket, and only https uses one"
		case !s.http3:
			return "comes with a UDP socket, and HTTP3 is off: set HTTP3=on, or remove ListenDatagram= from the .socket unit"
		}
		s.HTTPS.Packets = append(s.HTTPS.Packets, socket.packets)
		return ""
	}
	addr := socket.listener.Addr().String()
	for _, p := range s.All() {
		switch {
		case p.Name != socket.Name:
			continue
		case p == &s.HTTPS && s.proxyMode:
			return "has no effect with TLS_MODE=proxy, where the proxy decrypts"
		case p == &s.Admin && !settings.IsLoopback(addr):
			return "would show metrics and profiles to other machines on " + addr
		}
		p.Listeners, p.Inherited = append(p.Listeners, socket.listener), true
		return ""
	}
	return "does not tell what the socket on " + addr + " is for"
}
