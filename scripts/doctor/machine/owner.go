package machine

import (
	"fmt"
	"net"
	"strconv"

	"example.com/turnkey/app/settings/portowner"
)

// taken reports a port that another program listens on. That is a fault only if a setting names this port: make dev
// moves from its default to the next free one.
func (d *doctor) taken(check, setting, addr string, moves bool) {
	_, port, _ := net.SplitHostPort(addr)
	who, fix := owner(port), "stop that program"
	if who == "" {
		who, fix = "another program", lsof(d.host.OS, addr)+" names it; stop it"
	}
	if moves {
		d.note(check, "port "+port+" is held by "+who+"; make dev takes the next one that is free",
			"to choose one, set "+setting)
		return
	}
	d.wrong(check, "port "+port+" is held by "+who,
		fix+", or set "+setting+" to another address, such as localhost:"+other(port))
}

func other(port string) string { return "1" + port[max(0, len(port)-4):] }

// lsof returns the command that names the program.
func lsof(system, addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	if system == "windows" {
		return "netstat -ano | findstr :" + port
	}
	return "lsof -i :" + port
}

// owner names the program that listens on a port, or returns "" where the system does not tell.
func owner(port string) string {
	n, _ := strconv.Atoi(port)
	process := portowner.Find(n)
	if process.Name == "" {
		return ""
	}
	return fmt.Sprintf("%s (process %s)", process.Name, process.PID)
}
