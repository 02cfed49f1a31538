package machine

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// taken reports a port that another program listens on. That is a fault only if a setting names this port: make dev moves
// from its default to the next free one.
func (d *doctor) taken(check, setting, addr string, moves bool) {
	_, port, _ := net.SplitHostPort(addr)
	who, fix := owner(port), "stop that program"
	if who == "" {
		who, fix = "another program", lsof(d.host.OS, addr)+" names it; stop it"
	}
	if moves {
		d.note(check, "port "+port+" is held by "+who+"; make dev takes the next one that is free", "to choose one, set "+setting)
		return
	}
	d.wrong(check, "port "+port+" is held by "+who, fix+", or set "+setting+" to another address, such as localhost:"+other(port))
}

func other(port string) string { return "1" + port[max(0, len(port)-4):] }

// lsof is the command that names who listens.
func lsof(system, addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	if system == "windows" {
		return "netstat -ano | findstr :" + port
	}
	return "lsof -i :" + port
}

// owner names the program that listens on a port. It reads /proc, and returns "" on other systems than Linux and for
// programs of other users.
func owner(port string) string {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if inode := listening(lines.Text(), port); inode != "" {
				sockets["socket:["+inode+"]"] = true
			}
		}
		f.Close()
	}
	if len(sockets) == 0 {
		return ""
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil && sockets[link] {
			pid := strings.Split(fd, "/")[2]
			name, _ := os.ReadFile("/proc/" + pid + "/comm")
			return strings.TrimSpace(string(name)) + " (process " + pid + ")"
		}
	}
	return ""
}

// listening is the inode of a line of /proc/net/tcp when it is a listener on the port: see proc_net_tcp(5).
func listening(line, port string) (inode string) {
	fields := strings.Fields(line)
	if len(fields) < 10 || fields[3] != "0A" {
		return ""
	}
	var n int
	if _, hex, ok := strings.Cut(fields[1], ":"); !ok {
		return ""
	} else if _, err := fmt.Sscanf(hex, "%X", &n); err != nil || fmt.Sprint(n) != port {
		return ""
	}
	return fields[9]
}
