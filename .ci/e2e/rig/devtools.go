package rig

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Devtools controls a Chromium over a pair of pipes, since its --screenshot makes no picture of the warning page.
// Messages are JSON and end with a zero byte.
type Devtools struct {
	*pipes
	session string // of the page; empty: the browser's own
}

// pipes are shared by the pages of a browser.
type pipes struct {
	out *os.File
	in  *bufio.Reader
	id  int // of the last command
}

// Steer starts Chromium with an empty page. It is closed when the test ends.
func (c Chromium) Steer(t testing.TB) *Devtools {
	t.Helper()
	theirIn, out := pipe(t)
	in, theirOut := pipe(t)
	cmd := exec.Command(c.Path, append(c.flags(t), "--window-size=1000,700", "--remote-debugging-pipe", "about:blank")...)
	cmd.Env, cmd.ExtraFiles = c.Env(), []*os.File{theirIn, theirOut} // file descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &Devtools{pipes: &pipes{out: out, in: bufio.NewReader(in)}}
	t.Cleanup(func() {
		d.Call(t, "Browser.close", nil, nil)
		kill := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		defer kill.Stop()
		cmd.Wait() // also after a failed test
	})
	theirIn.Close()
	theirOut.Close()
	return d.Tab(t)
}

// Tab opens another page of the same browser. Only one of the pages may be used at a time.
func (d *Devtools) Tab(t testing.TB) *Devtools {
	t.Helper()
	tab := &Devtools{pipes: d.pipes}
	var target struct{ TargetID string }
	tab.Call(t, "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	tab.Call(t, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	tab.session = attached.SessionID
	return tab
}

// Visit opens a page and waits until it is loaded and has the title. "" accepts any title that is not empty.
func (d *Devtools) Visit(t testing.TB, url, title string) {
	t.Helper()
	d.Call(t, "Page.navigate", map[string]any{"url": url}, nil)
	Eventually(t, 20*time.Second, fmt.Sprintf("%s with the title %q", url, title), func() bool {
		var got string
		d.Evaluate(t, "document.readyState == 'complete' ? document.title : ''", &got)
		return got != "" && (title == "" || got == title)
	})
}

// Evaluate runs a script in the page, whatever the page's own policy of scripts is, and returns its value. It waits for
// a promise.
func (d *Devtools) Evaluate(t testing.TB, script string, value any) {
	t.Helper()
	got := d.evaluate(t, script)
	if value != nil {
		if err := json.Unmarshal(got, value); err != nil {
			t.Fatalf("the value of a script in the page: %v in %s", err, got)
		}
	}
}

// evaluate returns the JSON of a script's value. It is empty for no value, and for a page that is left meanwhile.
func (d *Devtools) evaluate(t testing.TB, script string) json.RawMessage {
	t.Helper()
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	d.Call(t, "Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true}, &got)
	if e := got.ExceptionDetails; e != nil {
		t.Fatalf("a script in the page: %s %s", e.Text, e.Exception.Description)
	}
	return got.Result.Value
}

// Picture saves a screenshot.
func (d *Devtools) Picture(t testing.TB, file string) {
	t.Helper()
	var shot struct{ Data string }
	d.Call(t, "Page.captureScreenshot", nil, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil || len(data) == 0 {
		t.Fatalf("a picture of %d bytes: %v", len(data), err)
	}
	Write(t, file, data, 0o644)
}

// Call sends a command and returns its result. Events in between are skipped.
func (d *Devtools) Call(t testing.TB, method string, params map[string]any, result any) {
	t.Helper()
	d.id++
	message := map[string]any{"id": d.id, "method": method, "params": params}
	if params == nil {
		delete(message, "params")
	}
	if d.session != "" {
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
		if answer.Error != nil && method == "Runtime.evaluate" && strings.Contains(answer.Error.Message, "navigated") {
			return // without a value during a navigation
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

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// pagePatience is how long a page may take on a machine that does much else.
const pagePatience = time.Minute

// Browser starts a Chromium that trusts root, with a profile of its own. Its pages keep what their policy refused.
func Browser(t testing.TB, sites Sites, root string) *Devtools {
	t.Helper()
	c := Chromium{Path: Need(t, "chromium"), Home: t.TempDir(), Sites: sites}
	c.Trust(t, Need(t, "certutil"), root)
	d := c.Steer(t)
	d.Call(t, "Page.enable", nil, nil)
	d.Call(t, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": "window.refused = []; " +
		"addEventListener('securitypolicyviolation', e => refused.push(e.effectiveDirective + ' ' + e.blockedURI))"}, nil)
	return d
}

// Await waits until a script in the page is true. An error of the script counts as false.
func (d *Devtools) Await(t testing.TB, what, script string) {
	t.Helper()
	Eventually(t, pagePatience, what, func() bool {
		return string(d.evaluate(t, "try { !!("+script+") } catch { false }")) == "true"
	})
}

// RefusesNothing fails the test if the page's policy refused something.
func (d *Devtools) RefusesNothing(t testing.TB) {
	t.Helper()
	var refused []string
	if d.Evaluate(t, "window.refused", &refused); len(refused) > 0 {
		t.Errorf("the policy of the page refuses %q", refused)
	}
}
