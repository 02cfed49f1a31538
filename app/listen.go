package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// listeners are the open ports: several sockets each, since localhost has two addresses.
type listeners struct {
	https, http, admin []net.Listener
}

// listenAll opens every configured port, or reports each that cannot be had.
func listenAll(cfg config) (l listeners, faults []fault) {
	for _, port := range []struct {
		setting, addr string
		into          *[]net.Listener
	}{
		{"HTTPS_ADDR", cfg.httpsAddr, &l.https},
		{"HTTP_ADDR", cfg.httpAddr, &l.http},
		{"ADMIN_ADDR", cfg.adminAddr, &l.admin},
	} {
		if port.addr == "" {
			continue
		}
		opened, err := listen(port.addr)
		if err != nil {
			faults = append(faults, listenFault(port.setting, port.addr, err))
		}
		*port.into = opened
	}
	return l, faults
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
		if !errors.Is(err, syscall.EADDRINUSE) {
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

func listenFault(setting, addr string, err error) fault {
	f := fault{Setting: setting, Value: addr, Problem: err.Error(), Fix: "give an address of this machine"}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.Problem = "the port is in use by another program"
		f.Fix = "stop that program, or set " + setting + " to another port"
		if setting == "HTTP_ADDR" {
			f.Fix += " or to off"
		}
		if runtime.GOOS != "windows" {
			f.Fix += fmt.Sprintf("; `lsof -i :%s` names it", addr[strings.LastIndexByte(addr, ':')+1:])
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
