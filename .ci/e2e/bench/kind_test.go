//go:build linux

package bench

import (
	"path/filepath"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// kind is a way to serve the site.
type kind struct {
	name string
	line string // what a line of the access log has; empty: there is none
	run  func(t *testing.T, s *server, dir string, profiles bool)
	// under is a program with its arguments that runs the server.
	under []string
}

const (
	bare   = "bare gin"
	again  = "bare gin again" // how far it is from bare gin is how far a figure can be trusted
	usual  = "gin, usual packages"
	behind = "nginx → bare gin, equal duties"
	ours   = "ours"
)

// gins need no other program.
var (
	bareGin = kind{name: bare, run: gin("bare")}
	again2  = kind{name: again, run: gin("bare")}
	gins    = []kind{bareGin, again2, {name: "gin.Default()", line: "[GIN]", run: gin("default")},
		{name: usual, line: `"msg":"Incoming request"`, run: gin("usual")}}
	starter = kind{name: ours, line: `"msg":"request"`, run: func(t *testing.T, s *server, dir string, profiles bool) {
		s.spawn(t, dir, append(s.admin(t, profiles), "HTTPS_ADDR="+s.addr), filepath.Join(dir, "ours"))
	}}
)

func gin(how string) func(*testing.T, *server, string, bool) {
	return func(t *testing.T, s *server, dir string, profiles bool) {
		s.spawn(t, dir, append(s.admin(t, profiles), "HTTPS_ADDR="+s.addr), filepath.Join(dir, "peer"), how)
	}
}

// admin returns the setting with which a process of the server collects its garbage when it is asked.
func (s *server) admin(t *testing.T, profiles bool) []string {
	t.Helper()
	if !profiles {
		return nil
	}
	s.admins = append(s.admins, rig.Loopback(rig.Port(t)))
	return []string{"ADMIN_ADDR=" + s.admins[len(s.admins)-1]}
}
