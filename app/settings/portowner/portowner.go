// Package portowner names the process that listens on a port, for messages about a port in use. It reads /proc, so it
// knows only processes of this user on Linux. It imports no other package of this project.
package portowner

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Process is a process that listens on a port. The zero value means that none was found.
type Process struct {
	Name string // the first 15 bytes, which is what Linux keeps
	PID  string
}

// String returns "node (pid 123)", or "" for the zero value.
func (p Process) String() string {
	if p == (Process{}) {
		return ""
	}
	return fmt.Sprintf("%s (pid %s)", p.Name, p.PID)
}

// Is reports whether the process runs a program of that name.
func (p Process) Is(program string) bool {
	return p.PID != "" && p.Name == program[:min(len(program), 15)]
}

// Find returns the process that listens on a TCP port. It reads /proc, where Linux shows the sockets of this user's own
// processes (proc_pid_net_tcp(5)). It returns the zero value for processes of other users and on other systems.
func Find(port int) Process {
	if runtime.GOOS != "linux" { // on Windows any user may make a folder \proc
		return Process{}
	}
	sockets := listeners(port)
	if len(sockets) == 0 {
		return Process{}
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || !sockets[target] {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return Process{strings.TrimSpace(string(name)), filepath.Base(process)}
	}
	return Process{}
}

// listeners returns the sockets that listen on a port, as the links in /proc/*/fd name them: socket:[inode].
func listeners(port int) map[string]bool {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Fields(lines.Text()) // 1: local address, 3: state, 9: inode
			const listening = "0A"
			if len(fields) > 9 && fields[3] == listening && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				sockets["socket:["+fields[9]+"]"] = true
			}
		}
		f.Close()
	}
	return sockets
}
