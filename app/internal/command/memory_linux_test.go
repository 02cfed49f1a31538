package command_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/app/internal/testcert"
)

// The control group of the test stands for a container's.
func TestAContainersMemoryLimitBecomesGos(t *testing.T) {
	t.Parallel()
	group, file := "/sys/fs/cgroup/memory/memorylimit-test", "memory.limit_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/memory"); err != nil { // version 2
		group, file = "/sys/fs/cgroup/memorylimit-test", "memory.max"
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skip("making a control group: ", err)
	}
	t.Cleanup(func() { os.Remove(group) })
	if err := os.WriteFile(filepath.Join(group, file), []byte("209715200"), 0o644); err != nil {
		t.Skip("limiting a control group's memory: ", err)
	}
	dir := t.TempDir()
	testcert.Write(t, filepath.Join(dir, "certs"), "shop.test")
	start := func(out io.Writer, memory, command string) *exec.Cmd {
		inner := passedCommand(dir, map[string]string{"ADMIN_ADDR": "127.0.0.1:0", "GOMEMLIMIT": memory}, nil)
		cmd := exec.Command("sh", "-c", `echo $$ > "$1/cgroup.procs" && exec "$0" $2`, inner.Path, group, command)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = inner.Dir, inner.Env, out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		return cmd
	}
	const told = "at most 180 MiB, 90 % of the container's limit"
	for memory, want := range map[string]string{"": "1.8874368e+08", "1GiB": "1.073741824e+09"} {
		checked := new(syncBuffer)
		err := start(checked, memory, "check").Wait()
		if err != nil || strings.Contains(checked.String(), told) != (memory == "") {
			t.Errorf("GOMEMLIMIT=%s: check says %v\n%s", memory, err, checked)
		}
		log := new(syncBuffer)
		cmd := start(log, memory, "serve")
		admin := logLine(t, log.String, "serving")["admin"].(string)
		if strings.Contains(log.String(), told) != (memory == "") {
			t.Errorf("GOMEMLIMIT=%s: the log says\n%s", memory, log)
		}
		resp, err := http.Get("http://" + admin + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		metrics, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(metrics), "\ngo_gc_gomemlimit_bytes "+want+"\n") {
			t.Errorf("GOMEMLIMIT=%s: Go's limit is not %s", memory, want)
		}
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	}
}
