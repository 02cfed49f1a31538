package ports

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"example.com/turnkey/app/settings"
	"example.com/turnkey/app/settings/portowner"
)

// Fault is a port that cannot be opened.
type Fault struct {
	settings.Fault
	Owner portowner.Process // that listens there; the zero value if it is not known
}

// nextPorts is how many ports after one that is in use are tried.
const nextPorts = 10

// Open opens every port that has an address and no inherited socket. It returns a note for each port that moved, and a
// fault for each that cannot be opened. The others stay open: call Close if there are faults.
func (s *Set) Open() (notes []string, faults []Fault) {
	for _, p := range s.All() {
		if p.Addr == "" || len(p.Listeners) > 0 {
			continue
		}
		opened, err := listen(p.Addr)
		if p.Moves && inUse(err) {
			var note string
			if opened, note = listenNext(p.Setting, p.Addr); note != "" {
				notes, err = append(notes, note), nil
			}
		}
		if err != nil {
			faults = append(faults, listenFault(p.Setting, p.Addr, err))
		}
		p.Listeners = opened
	}
	if s.http3 && len(faults) == 0 {
		notes = append(notes, s.HTTPS.astray()...)
		if len(s.HTTPS.Packets) == 0 {
			if err := s.HTTPS.openPackets(); err != nil {
				notes = append(notes, noPackets(s.HTTPS, err))
			}
		}
	}
	return notes, faults
}

// listenNext opens the first free port of the nextPorts after addr's. The note is empty if there is none.
func listenNext(setting, addr string) (opened []net.Listener, note string) {
	host, port := hostAndPort(addr)
	for next := port + 1; next <= port+nextPorts; next++ {
		opened, err := listen(net.JoinHostPort(host, strconv.Itoa(next)))
		if err == nil {
			return opened, fmt.Sprintf("port %d is in use by %s, so this is on port %d; to choose another, set %s",
				port, describe(portowner.Find(port)), next, setting)
		}
	}
	return nil, ""
}

func hostAndPort(addr string) (host string, port int) {
	host, text, _ := net.SplitHostPort(addr)
	port, _ = strconv.Atoi(text)
	return host, port
}

func describe(owner portowner.Process) string { return cmp.Or(owner.String(), "another program") }

// inUse reports whether the address is in use. Windows has two errors for that (WSAEADDRINUSE and WSAEACCES), the
// second for a port that the system reserves.
func inUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) ||
		runtime.GOOS == "windows" && (errors.Is(err, syscall.Errno(10048)) || errors.Is(err, syscall.Errno(10013)))
}

// listen opens an address. localhost is 127.0.0.1 and ::1 on one port, because browsers try either. On a machine
// without IPv6 it is the first alone.
func listen(addr string) ([]net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if host != "localhost" {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, err
		}
		return []net.Listener{ln}, nil
	}
	for try := 0; ; try++ {
		v4, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			return nil, err
		}
		v6, err := net.Listen("tcp", net.JoinHostPort("::1", strconv.Itoa(portNumber(v4))))
		if err == nil {
			return []net.Listener{v4, v6}, nil
		}
		if !inUse(err) {
			return []net.Listener{v4}, nil
		}
		v4.Close()
		// For port 0, the port that the system chose on 127.0.0.1 may be in use on ::1: try another.
		if port != "0" || try == 10 {
			return nil, err
		}
	}
}

// listenFault returns why addr cannot be opened, and what to do about it.
func listenFault(setting, addr string, err error) Fault {
	f := Fault{Fault: settings.Fault{Setting: setting, Value: addr,
		Problem: err.Error(), Fix: "give an address of this machine"}}
	switch {
	case inUse(err):
		_, port := hostAndPort(addr)
		f.Owner = portowner.Find(port)
		f.Problem = "the port is in use by " + describe(f.Owner)
		f.Fix = "stop that program, or set " + setting + " to another port"
		if setting == "HTTP_ADDR" {
			f.Fix += " or to off"
		}
		if runtime.GOOS != "windows" && f.Owner == (portowner.Process{}) {
			f.Fix += fmt.Sprintf("; `lsof -i :%d` names it", port)
		}
	case errors.Is(err, fs.ErrPermission):
		binary, _ := os.Executable()
		f.Problem = "this user may not open a port below 1024"
		f.Fix = "in a systemd unit set AmbientCapabilities=CAP_NET_BIND_SERVICE; for one binary run: " +
			"sudo setcap cap_net_bind_service=+ep " + cmp.Or(binary, os.Args[0]) + "; or set " + setting + " to a higher port"
		if runtime.GOOS != "linux" {
			f.Fix = "set " + setting + " to a higher port"
		}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		f.Problem = "the address does not belong to this machine"
		f.Fix = "write :port to listen on every address"
	}
	return f
}
