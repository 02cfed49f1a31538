package peers

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// devtools is a Chromium that runs, steered over a pair of pipes: its --screenshot makes no picture of the page that
// warns. Messages are JSON, and end in a zero byte.
type devtools struct {
	out     *os.File
	in      *bufio.Reader
	session string
	id      int
}

func (b browser) steer(t *testing.T) *devtools {
	t.Helper()
	theirIn, out := pipe(t)
	in, theirOut := pipe(t)
	cmd := exec.Command(b.path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--window-size=1000,700", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost", "about:blank")
	cmd.Env, cmd.ExtraFiles = b.env(), []*os.File{theirIn, theirOut} // file descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &devtools{out: out, in: bufio.NewReader(in)}
	t.Cleanup(func() {
		d.call(t, "Browser.close", nil, nil)
		kill := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		defer kill.Stop()
		cmd.Wait() // however it ends
	})
	theirIn.Close()
	theirOut.Close()
	var target struct{ TargetID string }
	d.call(t, "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	d.call(t, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	d.session = attached.SessionID
	return d
}

// picture visits a page, waits for its title, and saves what is to be seen.
func (d *devtools) picture(t *testing.T, url, title, file string) {
	t.Helper()
	d.call(t, "Page.navigate", map[string]any{"url": url}, nil)
	rig.Eventually(t, 20*time.Second, "a page with the title "+title, func() bool {
		var got struct{ Result struct{ Value string } }
		d.call(t, "Runtime.evaluate", map[string]any{"expression": "document.readyState == 'complete' ? document.title : ''"}, &got)
		return got.Result.Value == title
	})
	var shot struct{ Data string }
	d.call(t, "Page.captureScreenshot", nil, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil || len(data) == 0 {
		t.Fatalf("a picture of %d bytes: %v", len(data), err)
	}
	rig.Write(t, file, data, 0o644)
}

// call is a command and its answer; events in between are not of interest.
func (d *devtools) call(t *testing.T, method string, params map[string]any, result any) {
	t.Helper()
	d.id++
	message := map[string]any{"id": d.id, "method": method, "params": params}
	if params == nil {
		delete(message, "params")
	}
	if d.session != "" && method != "Browser.close" {
		message["sessionId"] = d.session
	}
	data, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.out.Write(append(data, 0)); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	for {
		data, err := d.in.ReadBytes(0)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(data[:len(data)-1], &answer); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		if answer.ID != d.id {
			continue
		}
		if answer.Error != nil {
			t.Fatalf("%s: %s", method, answer.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(answer.Result, result); err != nil {
				t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}
