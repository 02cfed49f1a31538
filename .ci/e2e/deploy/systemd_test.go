//go:build linux

package deploy

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// systemd-analyze finds no fault in the units, and the service's exposure is low.
func TestSystemdFindsNoFaultInTheUnits(t *testing.T) {
	t.Parallel()
	rig.Need(t, "systemd-analyze")
	name := rig.Project(t)
	dir := t.TempDir()
	install := func(file, as string) {
		text := strings.ReplaceAll(string(rig.Read(t, filepath.Join(root, "scripts", "deploy", file))), "/usr/local/bin/"+name, rig.Binary(t))
		rig.Write(t, filepath.Join(dir, as), []byte(text), 0o644)
	}
	service := filepath.Join(dir, name+".service")
	install(name+".service", name+".service")
	exposure := func() float64 {
		t.Helper()
		report := run(t, dir, "systemd-analyze", "security", "--offline=true", "--no-pager", service)
		level := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(report)
		if level == nil {
			t.Fatalf("no exposure level in\n%s", report)
		}
		t.Log(level[0])
		number, err := strconv.ParseFloat(level[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return number
	}
	run(t, dir, "systemd-analyze", "verify", "--man=no", service)
	alone := exposure()
	if alone > 2.0 {
		t.Errorf("the service's exposure is %.1f, want 2.0 at most", alone)
	}

	https, plain := name+"-https.socket", name+"-http.socket"
	install(https, https)
	install(plain, plain)
	install(name+"-sockets.conf", filepath.Join(name+".service.d", "sockets.conf"))
	run(t, dir, "systemd-analyze", "verify", "--man=no", service, filepath.Join(dir, https), filepath.Join(dir, plain))
	for _, socket := range []string{https, plain} {
		if got, want := readUnit(t, nil, socket).one(t, "Service"), name+".service"; got != want {
			t.Errorf("%s starts %s, want %s", socket, got, want)
		}
	}
	if got := readUnit(t, nil, name+".service", name+"-sockets.conf").one(t, "Sockets"); got != https+" "+plain {
		t.Errorf("Sockets=%s, want %s and %s", got, https, plain)
	}
}

// The unit's commands, with the rights that it gives and the system calls that it allows, get a certificate, serve it
// on privileged ports, reload and stop.
func TestServiceRunsWithTheRightsOfTheUnit(t *testing.T) {
	t.Parallel()
	needRoot(t)
	rig.Need(t, "setpriv", "strace", "systemd-analyze")
	name := rig.Project(t)
	dir, https := reachable(t), lowPort(t)
	state := filepath.Join(dir, "state", name)
	u := readUnit(t, map[string]string{"%S": filepath.Join(dir, "state"), "/usr/local/bin/" + name: rig.Binary(t)}, name+".service")
	makeState(t, u, state)
	plain := rig.Port(t)
	ca := rig.StartPebble(t, rig.PebbleOptions{HTTPPort: plain, TLSPort: https})
	settings := []string{"DOMAINS=" + shop, "ACME_DIRECTORY=" + ca.Directory, "ACME_CA_FILE=" + ca.CAFile, "ACME_EMAIL=you@example.com",
		"HTTPS_ADDR=" + rig.Loopback(https), "HTTP_ADDR=" + rig.Loopback(plain), "SHUTDOWN_GRACE=2s"}
	open(t, ca.CAFile)

	start := func(setting string, command ...string) *rig.Process {
		t.Helper()
		args := append(u.rights(t), u.filter(t)...)
		args = append(args, command...)
		args = append(args, strings.Fields(u.one(t, setting))...)
		path, err := rig.Find(args[0])
		if err != nil {
			t.Fatal(err)
		}
		env := append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "HOME=/", "STATE_DIRECTORY=" + state}, u["Environment"]...)
		return rig.Spawn(t, rig.Command{Path: path, Args: args[1:], Dir: u.one(t, "WorkingDirectory"), Env: append(env, settings...)})
	}
	if got := start("ExecStartPre").Finish(t, 20*time.Second); got.ExitCode != 0 {
		t.Fatalf("ExecStartPre fails with %d:\n%s%s", got.ExitCode, got.Stdout, got.Stderr)
	}
	pidFile := filepath.Join(state, "pid")
	service := start("ExecStart", "sh", "-c", `echo $$ >pid; exec "$@"`, "sh")
	service.WaitForPort(t, rig.Loopback(https))
	visitor := rig.Visitor(ca.Roots(t))
	url := fmt.Sprintf("https://%s:%d/", shop, https)
	rig.Eventually(t, 30*time.Second, "a certificate", func() bool {
		got, err := rig.Try(visitor, rig.Request{URL: url})
		return err == nil && got.StatusCode == 200
	})
	status := string(rig.Read(t, fmt.Sprintf("/proc/%d/status", pid(t, pidFile))))
	for _, want := range []string{"Uid:\t" + uid, "CapEff:\t0000000000000400", "CapBnd:\t0000000000000400", "NoNewPrivs:\t1"} {
		if !strings.Contains(status, want) {
			t.Errorf("the service has other rights than the unit's, no %q in\n%s", want, status)
		}
	}
	if reload := strings.Fields(u.one(t, "ExecReload")); len(reload) != 3 || reload[1] != "-HUP" || reload[2] != "$MAINPID" {
		t.Errorf("ExecReload=%q, want SIGHUP for the service", reload)
	}
	signal(t, pidFile, syscall.SIGHUP)
	rig.Eventually(t, 5*time.Second, "the reload", func() bool { return strings.Contains(service.Stdout(), "SIGHUP: reading the certificates again") })

	keys := 0
	err := filepath.WalkDir(state, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == state || path == pidFile {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v", path, info.Mode())
		}
		if !entry.IsDir() {
			keys++
		}
		return err
	})
	if err != nil || keys < 2 {
		t.Errorf("%d files in the state directory, want the account and the certificate; %v", keys, err)
	}

	if got := u.one(t, "KillSignal"); got != "SIGTERM" {
		t.Errorf("KillSignal=%s, want SIGTERM", got)
	}
	timeout, err := time.ParseDuration(u.one(t, "TimeoutStopSec"))
	if err != nil || timeout <= 35*time.Second {
		t.Errorf("TimeoutStopSec=%v, want more than SHUTDOWN_GRACE's 20s, 5s for what the site closes and 10s for the store; %v", timeout, err)
	}
	signal(t, pidFile, syscall.SIGTERM)
	if got := service.ExitCode(t, 15*time.Second); got != 0 {
		t.Errorf("exit status = %d, want 0", got)
	}
}

// systemd opens the sockets and names them as the socket units do. The service has no rights. A newer binary replaces
// it twice while clients connect, and no connection may be refused.
func TestUpgradeUnderSocketActivationRefusesNoConnection(t *testing.T) {
	t.Parallel()
	needRoot(t)
	rig.Need(t, "systemd-socket-activate", "setpriv")
	name := rig.Project(t)
	dir := reachable(t)
	state, binary := filepath.Join(dir, "state", name), filepath.Join(dir, name)
	replace := map[string]string{"%S": filepath.Join(dir, "state"), "/usr/local/bin/" + name: binary}
	u := readUnit(t, replace, name+".service", name+"-sockets.conf")
	makeState(t, u, state)
	upgrade := func() { // as install(1) does: a running file cannot be written
		rig.Write(t, binary+".new", rig.Read(t, rig.Binary(t)), 0o755)
		if err := os.Rename(binary+".new", binary); err != nil {
			t.Fatal(err)
		}
	}
	upgrade()
	ca := rig.NewCA(t, "Site")
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ca.Issue(t, rig.Leaf{Names: []string{shop}}).Write(t, cert, key)
	if n, _ := strconv.Atoi(uid); os.Chown(key, n, n) != nil {
		t.Fatal("the key cannot be given to the service")
	}
	// The service may not open the ports of its settings. If it tried, the start would fail.
	https, plain := rig.Port(t), rig.Port(t)
	env := append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "HOME=/", "STATE_DIRECTORY=" + state, "DOMAINS=" + shop, "TLS_MODE=files",
		"TLS_CERT_FILE=" + cert, "TLS_KEY_FILE=" + key, "HTTPS_ADDR=127.0.0.1:1", "HTTP_ADDR=127.0.0.1:2", "SHUTDOWN_GRACE=1s"}, u["Environment"]...)
	check := append(u.rights(t), strings.Fields(u.one(t, "ExecStartPre"))...)

	// systemd-socket-activate waits for a first connection and then executes its command. The command here restarts the
	// service whenever it ends, as systemd does. LISTEN_PID is the service's.
	const manager = `while test ! -e stop; do sh -c 'echo $$ >pid; LISTEN_PID=$$ exec "$@"' sh "$@" || exit; done`
	args := []string{"--listen=" + rig.Loopback(https), "--listen=" + rig.Loopback(plain), "--fdname=" +
		readUnit(t, nil, name+"-https.socket").one(t, "FileDescriptorName") + ":" + readUnit(t, nil, name+"-http.socket").one(t, "FileDescriptorName")}
	for _, setting := range env {
		args = append(args, "--setenv="+setting)
	}
	args = append(args, "sh", "-c", manager, "sh")
	args = append(args, u.rights(t)...)
	args = append(args, u.one(t, "ExecStart"))
	path, err := rig.Find("systemd-socket-activate")
	if err != nil {
		t.Fatal(err)
	}
	work := reachable(t)
	pidFile := filepath.Join(work, "pid")
	systemd := rig.Spawn(t, rig.Command{Path: path, Args: args, Dir: work, Env: env})
	systemd.WaitForPort(t, rig.Loopback(https))
	systemd.WaitForPort(t, rig.Loopback(plain)) // it opens one after the other

	visitor := rig.Visitor(ca.Pool())
	visitor.Timeout = 30 * time.Second
	if got := rig.Get(t, visitor, fmt.Sprintf("http://%s:%d/a", shop, plain)); got.Header.Get("Location") != fmt.Sprintf("https://%s:%d/a", shop, https) {
		t.Errorf("plain http got %s to %q", got.Status, got.Header.Get("Location"))
	}
	end := crowd(t, ca.Pool(), https, plain)
	for range 2 {
		// systemd checks before it starts, while it has the ports.
		if got := rig.Spawn(t, rig.Command{Path: find(t, check[0]), Args: check[1:], Dir: state, Env: env}).Finish(t, 20*time.Second); got.ExitCode != 0 {
			t.Errorf("ExecStartPre fails with %d:\n%s%s", got.ExitCode, got.Stdout, got.Stderr)
		}
		last := pid(t, pidFile)
		upgrade()
		signal(t, pidFile, syscall.SIGTERM)
		rig.Eventually(t, 15*time.Second, "the next to begin", func() bool {
			next, _ := strconv.Atoi(strings.TrimSpace(string(rig.Read(t, pidFile))))
			return next != last && next != 0
		})
		time.Sleep(500 * time.Millisecond)
	}
	if n := end(); n < 100 {
		t.Errorf("%d answers, too few to tell", n)
	} else {
		t.Logf("%d answered, none refused", n)
	}
	status := string(rig.Read(t, fmt.Sprintf("/proc/%d/status", pid(t, pidFile))))
	for _, want := range []string{"Uid:\t" + uid, "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"} {
		if !strings.Contains(status, want) {
			t.Errorf("the service has other rights than the unit's, no %q in\n%s", want, status)
		}
	}
	if err := os.WriteFile(filepath.Join(work, "stop"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	signal(t, pidFile, syscall.SIGTERM)
	if got := systemd.ExitCode(t, 15*time.Second); got != 0 {
		t.Errorf("exit status = %d, want 0", got)
	}
}

// Helpers

// makeState makes the state directory as systemd would: the service's alone.
func makeState(t *testing.T, u unit, dir string) {
	t.Helper()
	if got := u.one(t, "WorkingDirectory"); got != dir {
		t.Fatalf("WorkingDirectory=%s, want the state directory %s", got, dir)
	}
	mode, err := strconv.ParseUint(u.one(t, "StateDirectoryMode"), 8, 32)
	if err != nil || mode != 0o700 {
		t.Fatalf("StateDirectoryMode=%o, want 0700; %v", mode, err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, fs.FileMode(mode)); err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(uid)
	if err != nil || os.Chown(dir, n, n) != nil {
		t.Fatal("the state directory cannot be given to the service")
	}
}

// open lets other users read a file of package rig. It changes the modes of the tests' own directories only, whatever
// TMPDIR is.
func open(t *testing.T, file string) {
	t.Helper()
	temp := filepath.Clean(os.TempDir()) + string(filepath.Separator)
	if !strings.HasPrefix(file, temp) {
		t.Fatalf("%s is not in %s", file, temp)
	}
	for dir := filepath.Dir(file); strings.HasPrefix(dir, temp); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func find(t *testing.T, program string) string {
	t.Helper()
	path, err := rig.Find(program)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func pid(t *testing.T, file string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(string(rig.Read(t, file))))
	if err != nil || n <= 1 {
		t.Fatalf("%s holds no process: %v", file, err)
	}
	return n
}

// signal sends to the process that wrote its number into file, which must be running.
func signal(t *testing.T, file string, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid(t, file), s); err != nil {
		t.Fatal(err)
	}
}
