package command

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"example.com/turnkey/tlsconfig"
)

// passedSocket is a port that whoever started this program had opened already, and keeps open while the program is
// replaced: a restart then refuses nobody.
type passedSocket struct {
	name string // https, http or admin; empty: its port tells
	ln   net.Listener
}

const (
	firstPassed = 3  // the file descriptor after stdin, stdout and stderr
	mostPassed  = 64 // more than anybody has use for
)

// withPassedSockets has the sockets that were passed take the place of addresses to open. Where something is wrong with
// them no address is opened instead: whoever passed the sockets is probably listening on it.
func (c config) withPassedSockets(lookup func(string) (string, bool)) (config, []fault) {
	sockets, faults := passedSockets(lookup)
	c, unfit := c.withSockets(c.dev.wanted(sockets))
	if faults = append(faults, unfit...); len(faults) > 0 {
		c.httpsAddr, c.httpAddr, c.adminAddr = "", "", ""
	}
	return c, faults
}

// passedSockets takes over what LISTEN_FDS announces, as systemd's sd_listen_fds(3) does: so many sockets from file
// descriptor 3 on, with their names in LISTEN_FDNAMES. LISTEN_PID says for which process they are; without it they are
// for this one, since not every parent can know the number before its child runs.
//
// Programs started from here get neither the sockets nor the variables.
func passedSockets(lookup func(string) (string, bool)) (sockets []passedSocket, faults []fault) {
	value := func(name string) string { v, _ := lookup(name); return strings.TrimSpace(v) }
	count, pid, list := value("LISTEN_FDS"), value("LISTEN_PID"), value("LISTEN_FDNAMES")
	if count == "" {
		return nil, nil
	}
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	const fix = "whoever passes sockets sets it, such as systemd; where nobody does, take it out of the environment"
	if pid != "" {
		n, err := strconv.Atoi(pid)
		if err != nil || n <= 0 {
			return nil, []fault{{Setting: "LISTEN_PID", Value: pid, Problem: "is not the number of a process", Fix: fix}}
		}
		if n != os.Getpid() {
			return nil, nil
		}
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > mostPassed {
		return nil, []fault{{Setting: "LISTEN_FDS", Value: count, Problem: fmt.Sprintf("is not a number of sockets from 0 to %d", mostPassed), Fix: fix}}
	}
	names := make([]string, n)
	if list != "" {
		if names = strings.Split(list, ":"); len(names) != n {
			return nil, []fault{{Setting: "LISTEN_FDNAMES", Value: list, Problem: fmt.Sprintf("does not have one name for each of LISTEN_FDS=%d sockets", n),
				Fix: "separate the names by colons, or leave all of them out"}}
		}
	}
	for i, name := range names {
		if name == "unknown" || strings.HasSuffix(name, ".socket") { // systemd's words for a socket that nobody named
			name = ""
		}
		ln, err := inherit(firstPassed + i)
		if err != nil {
			faults = append(faults, fault{Setting: "LISTEN_FDS", Value: count, Problem: fmt.Sprintf("file descriptor %d %v", firstPassed+i, err),
				Fix: "pass TCP sockets that listen; in a systemd .socket unit: ListenStream= with a port, and Accept=no"})
			continue
		}
		sockets = append(sockets, passedSocket{name, ln})
	}
	return sockets, faults
}

// withSockets finds out what each socket is for. One without a name belongs to the setting that has its port; of ports
// that no setting has, the first is https and the second http.
func (c config) withSockets(sockets []passedSocket) (config, []fault) {
	groups := map[string]*[]net.Listener{"https": &c.passed.https, "http": &c.passed.http, "admin": &c.passed.admin}
	ports := map[int]string{}
	for name, addr := range map[string]string{"https": c.httpsAddr, "http": c.httpAddr, "admin": c.adminAddr} {
		if _, port := hostAndPort(addr); port != 0 {
			ports[port] = name
		}
	}
	said := func(s passedSocket) string { return cmp.Or(s.name, ports[portOf(s.ln)]) }
	sockets = slices.Clone(sockets)
	slices.SortStableFunc(sockets, func(a, b passedSocket) int { // those that nothing is said of get what is left
		return cmp.Compare(pick(said(a) == "", 1, 0), pick(said(b) == "", 1, 0))
	})

	var faults []fault
	for _, s := range sockets {
		name := said(s)
		switch {
		case name != "":
		case len(c.passed.https) == 0 && c.mode != tlsconfig.Proxy:
			name = "https"
		case len(c.passed.http) == 0:
			name = "http"
		}
		if s.name == "" {
			ports[portOf(s.ln)] = name // 127.0.0.1 and ::1 have one
		}
		problem := ""
		switch {
		case groups[name] == nil:
			problem = "does not tell what the socket on " + s.ln.Addr().String() + " is for"
		case name == "https" && c.mode == tlsconfig.Proxy:
			problem = "is of no use with TLS_MODE=proxy, where the proxy has it"
		case name == "admin" && !isLoopback(s.ln.Addr().String()):
			problem = "would show the program's inside to others on " + s.ln.Addr().String()
		default:
			*groups[name] = append(*groups[name], s.ln)
			continue
		}
		s.ln.Close()
		faults = append(faults, fault{Setting: "LISTEN_FDNAMES", Value: s.name, Problem: problem,
			Fix: "name sockets https, http, or admin (on a loopback address): FileDescriptorName= in a systemd .socket unit"})
	}
	for addr, group := range map[*string][]net.Listener{&c.httpsAddr: c.passed.https, &c.httpAddr: c.passed.http, &c.adminAddr: c.passed.admin} {
		if len(group) > 0 {
			*addr = group[0].Addr().String()
		}
	}
	return c, faults
}
