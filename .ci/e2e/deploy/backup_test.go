//go:build linux

package deploy

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// guestbook is what a site with a database and uploads adds: SQLite, held open while the site runs, by its own program.
const guestbook = `package handlers

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

func guestbook(r *gin.Engine, server kit.Server) error {
	dir, err := server.DataDir()
	if err != nil {
		return err
	}
	cmd := exec.Command("sqlite3", "-cmd", ".timeout 5000", filepath.Join(dir, "shop.db"))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	server.OnStop(func(context.Context) error {
		stdin.Close()
		return cmd.Wait()
	})
	var mu sync.Mutex
	lines := bufio.NewScanner(stdout)
	ask := func(sql string) string {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(stdin, sql)
		lines.Scan()
		return strings.TrimSpace(lines.Text())
	}
	if mode := ask("PRAGMA journal_mode=WAL;"); mode != "wal" {
		return fmt.Errorf("the database is in mode %q", mode)
	}
	fmt.Fprintln(stdin, "CREATE TABLE IF NOT EXISTS guests (n INTEGER PRIMARY KEY);")
	r.GET("/guests", func(c *gin.Context) { c.String(200, ask("SELECT count(*) FROM guests;")) })
	r.POST("/guests", func(c *gin.Context) {
		c.String(200, ask("INSERT INTO guests DEFAULT VALUES; SELECT count(*) FROM guests;"))
	})
	r.GET("/picture", func(c *gin.Context) { c.File(filepath.Join(dir, "uploads", "picture")) })
	r.POST("/picture", kit.E(func(c *gin.Context) error {
		if err := os.MkdirAll(filepath.Join(dir, "uploads"), 0o700); err != nil {
			return err
		}
		data, err := c.GetRawData()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "uploads", "picture"), data, 0o600)
	}))
	return nil
}
`

// The README's four lines back a site up and restore it. sudo runs nothing here, and systemctl is this test.
func TestABackupIsRestored(t *testing.T) {
	t.Parallel()
	rig.Need(t, "sqlite3", "tar")
	s := newKept(t)
	lines := regexp.MustCompile(`(?m)^\$ (.*)$`).FindAllStringSubmatch(section(t, "Backup"), -1)
	if len(lines) != 4 {
		t.Fatalf("%d lines in the README's section, want two that back up and two that restore", len(lines))
	}
	whole, online, restoreWhole, restoreOnline := lines[0][1], lines[1][1], lines[2][1], lines[3][1]

	s.start(t)
	for range 25 {
		s.ask(t, "POST", "/guests", "")
	}
	s.ask(t, "POST", "/picture", "a picture")

	// A plain copy lacks what is in the journal: the README's reason.
	torn := filepath.Join(t.TempDir(), "torn.db")
	rig.Write(t, torn, rig.Read(t, filepath.Join(s.state, "data", "shop.db")), 0o600)
	if out, err := sqlite(t, torn, "SELECT count(*) FROM guests;"); err == nil && out == "25" {
		t.Error("a plain copy of the running database is whole, so this test shows nothing of the README's warning")
	}

	end := s.crowd(t)
	s.types(t, online)
	end()
	out, err := sqlite(t, filepath.Join(s.work, "backup.db"), "PRAGMA integrity_check; SELECT count(*) FROM guests;")
	report, count, _ := strings.Cut(out, "\n")
	if n, _ := strconv.Atoi(count); err != nil || report != "ok" || n < 25 {
		t.Fatalf("the backup of the running database: %q, %v", out, err)
	}

	before := s.ask(t, "GET", "/guests", "")
	s.types(t, whole)
	lost := s.ask(t, "POST", "/guests", "")
	if lost == before {
		t.Fatalf("%s guests before the backup and %s with one more", before, lost)
	}
	s.types(t, restoreWhole)
	if got := s.ask(t, "GET", "/guests", ""); got != before {
		t.Errorf("%s guests after the restore, want the %s of the backup", got, before)
	}
	if got := s.ask(t, "GET", "/picture", ""); got != "a picture" {
		t.Errorf("the picture is %q after the restore", got)
	}
	s.types(t, restoreOnline)
	if got := s.ask(t, "GET", "/guests", ""); got != count {
		t.Errorf("%s guests after the restore of the database alone, want %s", got, count)
	}
	if got := s.ask(t, "POST", "/guests", ""); got == count {
		t.Error("nothing can be written after the restore")
	}
	s.stop(t)
}

// kept is a site with a guestbook, as systemd runs it.
type kept struct {
	binary, state, work string // the program, what is /var/lib/NAME, where the lines are typed
	addr                string
	process             *rig.Process
}

func newKept(t *testing.T) *kept {
	t.Helper()
	clone := rig.Clone(t)
	rig.Write(t, filepath.Join(clone, "handlers", "guestbook.go"), []byte(guestbook), 0o644)
	routes := filepath.Join(clone, "handlers", "routes.go")
	text := string(rig.Read(t, routes))
	changed := regexp.MustCompile(`(func Routes\(.*\n(?:.*\n)*?)\treturn nil\n`).ReplaceAllString(text, "${1}\treturn guestbook(r, server)\n")
	if changed == text {
		t.Fatalf("Routes does not end in return nil:\n%s", text)
	}
	rig.Write(t, routes, []byte(changed), 0o644)
	s := &kept{binary: filepath.Join(clone, "site"), state: t.TempDir(), work: t.TempDir(), addr: rig.Loopback(rig.Port(t))}
	run(t, clone, "go", "build", "-tags", "nomsgpack", "-o", s.binary, "./app")
	return s
}

func (s *kept) start(t *testing.T) {
	t.Helper()
	s.process = rig.Spawn(t, rig.Command{Path: s.binary, Dir: s.work, Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/", "ENV=prod", "TLS_MODE=proxy",
		"DOMAINS=" + shop, "STATE_DIRECTORY=" + s.state, "HTTP_ADDR=" + s.addr, "SHUTDOWN_GRACE=1s"}})
	s.process.WaitForPort(t, s.addr)
}

func (s *kept) stop(t *testing.T) {
	t.Helper()
	s.process.Signal(t, syscall.SIGTERM)
	if got := s.process.ExitCode(t, 15*time.Second); got != 0 {
		t.Fatalf("exit status = %d, want 0", got)
	}
}

// types runs a line of the README.
func (s *kept) types(t *testing.T, line string) {
	t.Helper()
	name := rig.Project(t)
	line = strings.ReplaceAll(line, "/var/lib/"+name, s.state)
	for command := range strings.SplitSeq(line, " && ") {
		switch command {
		case "sudo systemctl stop " + name:
			s.stop(t)
		case "sudo systemctl start " + name:
			s.start(t)
		default:
			if strings.Contains(command, "systemctl") || strings.Contains(command, "/var/lib") {
				t.Fatalf("this test does not know %q", command)
			}
			run(t, s.work, "sh", "-c", `sudo() { "$@"; }; `+command)
		}
	}
}

func (s *kept) ask(t *testing.T, method, path, body string) string {
	t.Helper()
	got, err := s.try(method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (s *kept) try(method, path, body string) (string, error) {
	got, err := rig.Try(rig.Visitor(nil), rig.Request{Method: method, URL: "http://" + s.addr + path, Host: shop, Body: body,
		Header: []string{"X-Forwarded-Proto", "https"}})
	if err == nil && got.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s is answered %s\n%s", method, path, got.Status, got.Body)
	}
	return got.Body, err
}

// crowd signs until its end is called, and at least once. Each signature has to be taken.
func (s *kept) crowd(t *testing.T) (end func()) {
	t.Helper()
	stop, signed := make(chan struct{}), make(chan struct{})
	var visitors sync.WaitGroup
	visitors.Go(func() {
		var first sync.Once
		for {
			if _, err := s.try("POST", "/guests", ""); err != nil {
				t.Errorf("during the backup: %v", err)
				first.Do(func() { close(signed) })
				return
			}
			first.Do(func() { close(signed) })
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	<-signed
	return func() {
		close(stop)
		visitors.Wait()
	}
}

func sqlite(t *testing.T, file, sql string) (string, error) {
	t.Helper()
	got := rig.Spawn(t, rig.Command{Path: find(t, "sqlite3"), Args: []string{file, sql}, Env: os.Environ()}).Finish(t, 20*time.Second)
	if got.ExitCode != 0 {
		return "", fmt.Errorf("%s", got.Stderr)
	}
	return strings.TrimSpace(got.Stdout), nil
}
