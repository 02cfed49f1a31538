//go:build unix

package rehearse

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// patience allows for the first build of a fresh clone and a renewal after a minute, on a busy machine.
const patience = 3 * time.Minute

// run is one rehearsal with its own directory for temporary files.
type run struct {
	t      *testing.T
	clone  string
	env    []string
	tmp    string
	cmd    *exec.Cmd
	out    rig.Buffer
	begin  time.Time
	exited chan struct{}
}

// rehearse starts a command in the clone. When the test ends, the command and its children are killed.
func rehearse(t *testing.T, clone string, env []string, name string, args ...string) *run {
	t.Helper()
	r := &run{t: t, clone: clone, tmp: t.TempDir(), begin: time.Now(), exited: make(chan struct{})}
	r.env = append(append(rig.Stranger(t, t.TempDir(), "TZ=UTC"), "TMPDIR="+r.tmp), env...)
	r.cmd = exec.Command(name, args...)
	if strings.Contains(name, "/") {
		r.cmd.Path = filepath.Join(clone, name)
		r.cmd.Args[0] = r.cmd.Path // shows in the list of processes whose it is
	}
	r.cmd.Dir, r.cmd.Env, r.cmd.Stdout, r.cmd.Stderr = clone, r.env, &r.out, &r.out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's signal reaches make and its child
	r.cmd.WaitDelay = time.Second
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		r.cmd.Wait() // its state is read by exitCode
		close(r.exited)
	}()
	t.Cleanup(func() {
		if !r.ended() {
			r.signal(syscall.SIGKILL)
			<-r.exited
		}
		for _, p := range r.parts() {
			syscall.Kill(p.id, syscall.SIGKILL)
		}
		if t.Failed() || testing.Verbose() {
			t.Logf("%s %s\n%s", name, strings.Join(args, " "), r.out.String())
		}
	})
	return r
}

// signal sends a signal to the whole process group, as a terminal does.
func (r *run) signal(s syscall.Signal) { syscall.Kill(-r.cmd.Process.Pid, s) }

func (r *run) ended() bool {
	select {
	case <-r.exited:
		return true
	default:
		return false
	}
}

func (r *run) exitCode() int {
	r.t.Helper()
	select {
	case <-r.exited:
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		r.t.Fatalf("still running after %s", patience)
		return 0
	}
}

func (r *run) waitFor(text string) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(r.out.String(), text); time.Sleep(10 * time.Millisecond) {
		if r.ended() || time.Now().After(deadline) {
			r.t.Fatalf("it never says %q", text)
		}
	}
}

// find returns the first match of pattern in the output, and its submatches.
func (r *run) find(pattern string) []string {
	r.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(r.out.String())
	if m == nil {
		r.t.Fatalf("nothing told is like %s", pattern)
	}
	return m
}

// shell runs a printed command as a user does who pastes it into another terminal.
func (r *run) shell(line string) (string, error) {
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env = r.clone, rig.Stranger(r.t, r.t.TempDir(), "TZ=UTC")
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	if err != nil {
		r.t.Logf("%s: %s", line, complaints.String())
	}
	return out.String(), err
}

type process struct {
	id   int
	args string
}

// parts are the running programs of the clone.
func (r *run) parts() []process {
	out, err := exec.Command("ps", "-A", "-o", "pid=,args=").Output()
	if err != nil {
		r.t.Fatalf("ps: %v", err)
	}
	var found []process
	for line := range strings.Lines(string(out)) {
		id, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		args = strings.TrimSpace(args)
		if n, err := strconv.Atoi(id); err == nil && strings.HasPrefix(args, filepath.Join(r.clone, "bin")+"/") {
			found = append(found, process{n, args})
		}
	}
	return found
}
