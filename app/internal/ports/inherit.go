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

// Socket is a listening socket that the parent process opened, and keeps open while this program is replaced, so that a restart
// refuses no connection.
type Socket struct {
	Name     string // https, http or admin; empty: its port tells
	listener net.Listener
}

const (
	firstPassed = 3 // the file descriptor after stdin, stdout and stderr
	mostPassed  = 64
)

// Inherited takes over what LISTEN_FDS announces, as systemd's sd_listen_fds(3) does: so many sockets from file
// descriptor 3 on, with their names in LISTEN_FDNAMES. LISTEN_PID says for which process they are; without it they are
// for this one, since not every parent can know the number before its child runs.
//
// Programs started from here get neither the sockets nor the variables.
func Inherited(lookup func(string) (string, bool)) (sockets []Socket, faults []settings.Fault) {
	value := func(name string) string { v, _ := lookup(name); return strings.TrimSpace(v) }
	count, pid, list := value("LISTEN_FDS"), value("LISTEN_PID"), value("LISTEN_FDNAMES")
	if count == "" {
		return nil, nil
	}
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	const fix = "a parent that passes sockets sets it, such as systemd; without such a parent, take it out of the environment"
	if pid != "" {
		n, err := strconv.Atoi(pid)
		if err != nil || n <= 0 {
			return nil, []settings.Fault{{Setting: "LISTEN_PID", Value: pid, Problem: "is not the number of a process", Fix: fix}}
		}
		if n != os.Getpid() {
			return nil, nil
		}
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > mostPassed {
		return nil, []settings.Fault{{Setting: "LISTEN_FDS", Value: count, Problem: fmt.Sprintf("is not a number of sockets from 0 to %d", mostPassed), Fix: fix}}
	}
	names := make([]string, n)
	if list != "" {
		if names = strings.Split(list, ":"); len(names) != n {
			return nil, []settings.Fault{{Setting: "LISTEN_FDNAMES", Value: list, Problem: fmt.Sprintf("does not have one name for each of LISTEN_FDS=%d sockets", n),
				Fix: "separate the names by colons, or leave all of them out"}}
		}
	}
	for i, name := range names {
		if name == "unknown" || strings.HasSuffix(name, ".socket") { // systemd's words for a socket without a name
			name = ""
		}
		ln, err := inherit(firstPassed + i)
		if err != nil {
			faults = append(faults, settings.Fault{Setting: "LISTEN_FDS", Value: count, Problem: fmt.Sprintf("file descriptor %d %v", firstPassed+i, err),
				Fix: "pass TCP sockets that listen; in a systemd .socket unit: ListenStream= with a port, and Accept=no"})
			continue
		}
		sockets = append(sockets, Socket{name, ln})
	}
	return sockets, faults
}

// Inherit gives each socket to its port, whose address then is the socket's. A socket without a name belongs to the port of the same
// number. Of those that have no such port, the first is for https and the second for http. Sockets that wanted refuses are closed.
// If one is unusable, no address is opened instead, because the parent process probably still listens on it.
func (s *Set) Inherit(sockets []Socket, wanted func(name string) bool) []settings.Fault {
	var faults []settings.Fault
	for _, socket := range s.named(sockets, wanted) {
		if problem := s.give(socket); problem != "" {
			socket.listener.Close()
			faults = append(faults, settings.Fault{Setting: "LISTEN_FDNAMES", Value: socket.said, Problem: problem,
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

// DoNotOpen makes Open open nothing.
func (s *Set) DoNotOpen() {
	for _, p := range s.All() {
		p.Addr = ""
	}
}

// namedSocket is a socket with the port that it is for, and the name that came with it.
type namedSocket struct {
	Socket
	said string
}

// named returns the wanted sockets with the name of their port; empty where nothing tells it.
func (s *Set) named(sockets []Socket, wanted func(name string) bool) (out []namedSocket) {
	byNumber := map[int]string{}
	for _, p := range s.All() {
		if _, number := hostAndPort(p.Addr); number != 0 {
			byNumber[number] = p.Name
		}
	}
	var unknown []namedSocket
	for _, socket := range sockets {
		if !wanted(socket.Name) {
			socket.listener.Close()
			continue
		}
		named := namedSocket{socket, socket.Name}
		named.Name = cmp.Or(socket.Name, byNumber[number(socket.listener)])
		if named.Name == "" {
			unknown = append(unknown, named)
		} else {
			out = append(out, named)
		}
	}
	taken := map[string]bool{"https": s.proxyMode}
	for _, socket := range out {
		taken[socket.Name] = true
	}
	for _, socket := range unknown {
		at := number(socket.listener)
		switch { // 127.0.0.1 and ::1 have one number
		case byNumber[at] != "":
			socket.Name = byNumber[at]
		case !taken["https"]:
			socket.Name = "https"
		case !taken["http"]:
			socket.Name = "http"
		}
		byNumber[at], taken[socket.Name] = socket.Name, true
		out = append(out, socket)
	}
	return out
}

// give adds a socket to its port, or returns why it cannot be served.
func (s *Set) give(socket namedSocket) (problem string) {
	addr := socket.listener.Addr().String()
	for _, p := range s.All() {
		switch {
		case p.Name != socket.Name:
			continue
		case p == &s.HTTPS && s.proxyMode:
			return "is of no use with TLS_MODE=proxy, where the proxy has it"
		case p == &s.Admin && !settings.IsLoopback(addr):
			return "would show the program's inside to others on " + addr
		}
		p.Listeners = append(p.Listeners, socket.listener)
		return ""
	}
	return "does not tell what the socket on " + addr + " is for"
}
