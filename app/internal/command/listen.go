package command

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
)

// listeners are the open ports: several sockets each, since localhost has two addresses.
type listeners struct {
	https, http, admin []net.Listener
}

// nextPorts is how many ports after a busy one are tried, where none was asked for.
const nextPorts = 10

// listenAll opens every configured port that was not passed open, or reports each that cannot be had. The notes tell of
// ports that had to move.
func listenAll(cfg config) (l listeners, notes []string, faults []fault) {
	for _, port := range []struct {
		setting, addr string
		moves         bool
		passed        []net.Listener
		into          *[]net.Listener
	}{
		{"HTTPS_ADDR", cfg.httpsAddr, cfg.httpsMoves, cfg.passed.https, &l.https},
		{"HTTP_ADDR", cfg.httpAddr, cfg.httpMoves, cfg.passed.http, &l.http},
		{"ADMIN_ADDR", cfg.adminAddr, false, cfg.passed.admin, &l.admin},
	} {
		if len(port.passed) > 0 {
			*port.into = port.passed
			continue
		}
		if port.addr == "" {
			continue
		}
		opened, err := listen(port.addr)
		if port.moves && inUse(err) {
			var note string
			if opened, note = listenNext(port.setting, port.addr); note != "" {
				notes, err = append(notes, note), nil
			}
		}
		if err != nil {
			faults = append(faults, listenFault(port.setting, port.addr, err))
		}
		*port.into = opened
	}
	return l, notes, faults
}

// listenNext opens the first port after addr's that is free.
func listenNext(setting, addr string) (opened []net.Listener, note string) {
	host, port := hostAndPort(addr)
	for next := port + 1; next <= port+nextPorts; next++ {
		opened, err := listen(net.JoinHostPort(host, strconv.Itoa(next)))
		if err == nil {
			return opened, fmt.Sprintf("port %d is in use by %s, so this is on port %d; to choose another, set %s", port, owner(port), next, setting)
		}
	}
	return nil, ""
}

func hostAndPort(addr string) (host string, port int) {
	host, text, _ := net.SplitHostPort(addr)
	port, _ = strconv.Atoi(text)
	return host, port
}

func owner(port int) string { return cmp.Or(portOwner(port), "another program") }

// inUse knows Windows' own numbers, too: an address in use, and a port that the system keeps for itself.
func inUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) ||
		runtime.GOOS == "windows" && (errors.Is(err, syscall.Errno(10048)) || errors.Is(err, syscall.Errno(10013)))
}

func (l listeners) close() {
	for _, group := range [][]net.Listener{l.https, l.http, l.admin} {
		for _, ln := range group {
			ln.Close()
		}
	}
}

// listen opens an address. localhost means 127.0.0.1 and ::1, on one port, as browsers try either; a machine without
// IPv6 gets the first alone.
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
		v6, err := net.Listen("tcp", net.JoinHostPort("::1", strconv.Itoa(portOf(v4))))
		if err == nil {
			return []net.Listener{v4, v6}, nil
		}
		if !inUse(err) {
			return []net.Listener{v4}, nil
		}
		v4.Close()
		if port != "0" || try == 10 { // the system's choice for one address may be taken on the other
			return nil, err
		}
	}
}

func portOf(ln net.Listener) int {
	if a, ok := ln.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// executable is this program's path, for commands that a reader can copy.
func executable() string {
	if path, err := os.Executable(); err == nil {
		return path
	}
	return "bin/" + project()
}

const portInUse = "the port is in use by "

func listenFault(setting, addr string, err error) fault {
	f := fault{Setting: setting, Value: addr, Problem: err.Error(), Fix: "give an address of this machine"}
	switch {
	case inUse(err):
		_, port := hostAndPort(addr)
		f.Problem = portInUse + owner(port)
		f.Fix = "stop that program, or set " + setting + " to another port"
		if setting == "HTTP_ADDR" {
			f.Fix += " or to off"
		}
		if runtime.GOOS != "windows" && portOwner(port) == "" {
			f.Fix += fmt.Sprintf("; `lsof -i :%d` names it", port)
		}
	case errors.Is(err, fs.ErrPermission):
		f.Problem = "this user may not open a port below 1024"
		f.Fix = "in a systemd unit set AmbientCapabilities=CAP_NET_BIND_SERVICE; for one binary run: sudo setcap cap_net_bind_service=+ep " + executable() + "; or set " + setting + " to a higher port"
		if runtime.GOOS != "linux" {
			f.Fix = "set " + setting + " to a higher port"
		}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		f.Problem = "the address does not belong to this machine"
		f.Fix = "write :port to listen on every address"
	}
	return f
}
