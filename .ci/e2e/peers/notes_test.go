package peers

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// A note that a visitor writes in one tab appears in a second one, and the page's own policy blocks nothing.
func TestNoteAppearsInASecondTab(t *testing.T) {
	t.Parallel()
	rig.Need(t, "chromium")
	rig.Need(t, "certutil")
	dir := t.TempDir()
	https, http := rig.Port(t), rig.Port(t)
	rig.Start(t, dir, rig.Env{"HTTPS_ADDR": fmt.Sprintf("localhost:%d", https), "HTTP_ADDR": fmt.Sprintf("localhost:%d", http)})
	caFile := filepath.Join(dir, "certs", "ca.pem")
	rig.Eventually(t, 5*time.Second, caFile, func() bool { _, err := os.Stat(caFile); return err == nil })
	b := newBrowser(t)
	b.Trust(t, rig.Need(t, "certutil"), caFile)
	page := fmt.Sprintf("https://localhost:%d/notes", https)

	one := tab{b.Steer(t)}
	one.watchPolicy(t)
	two := tab{one.Tab(t)}
	two.watchPolicy(t)

	one.Call(t, "Page.bringToFront", nil, nil) // a hidden tab focuses nothing by itself
	one.open(t, page, "Notes")
	one.write(t, "")
	one.eventually(t, "document.title", "Not added – Notes")
	one.eventually(t, "document.activeElement.className", "problem")
	one.pictures(t, "notes-wrong")
	one.write(t, "from one")
	one.eventually(t, "document.querySelector('#notes').innerText", "from one\n\nDelete")

	two.Call(t, "Page.bringToFront", nil, nil)
	two.open(t, page, "Notes")
	two.eventually(t, "document.querySelector('#count').innerText", "1 note.")
	two.evaluate(t, "window.loadedOnce = 'yes', document.querySelector('#delete-1').focus()")
	one.write(t, "a second line\nand what is <b>not</b> markup, with a word of "+fmt.Sprintf("%0120d", 7))
	two.eventually(t, "document.querySelector('#count').innerText", "2 notes.")
	two.eventually(t, "document.querySelectorAll('#notes li').length + document.querySelector('#note-2').innerText.slice(0, 13)", "2a second line")
	two.eventually(t, "document.activeElement.id", "delete-1") // the list was replaced, and the focus stays
	two.pictures(t, "notes")

	one.evaluate(t, "document.querySelector('#delete-1').click()")
	two.eventually(t, "document.querySelector('#count').innerText", "1 note.")
	two.eventually(t, "document.activeElement.id", "text") // the focused element was removed
	two.eventually(t, "window.loadedOnce", "yes")
	for _, tab := range []tab{one, two} {
		tab.eventually(t, "sessionStorage.refused ?? 'nothing'", "nothing")
	}
}

// Helpers

// tab is a page of a browser.
type tab struct{ *rig.Devtools }

// watchPolicy records what the Content-Security-Policy blocks.
func (p tab) watchPolicy(t *testing.T) {
	t.Helper()
	p.Call(t, "Page.enable", nil, nil)
	p.Call(t, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": `addEventListener("securitypolicyviolation",
		(e) => { sessionStorage.refused = e.violatedDirective + " " + e.blockedURI })`}, nil)
}

func (p tab) open(t *testing.T, url, title string) {
	t.Helper()
	p.Call(t, "Page.navigate", map[string]any{"url": url}, nil)
	p.eventually(t, "document.readyState == 'complete' ? document.title : ''", title)
}

func (p tab) evaluate(t *testing.T, expression string) string {
	t.Helper()
	var got struct{ Result struct{ Value any } }
	p.Call(t, "Runtime.evaluate", map[string]any{"expression": expression}, &got)
	return fmt.Sprint(got.Result.Value)
}

// eventually waits until an expression has a value.
func (p tab) eventually(t *testing.T, expression, want string) {
	t.Helper()
	got := ""
	defer func() {
		if got != want {
			t.Logf("%s is %q", expression, got)
		}
	}()
	rig.Eventually(t, 10*time.Second, fmt.Sprintf("%s to be %q", expression, want), func() bool {
		got = p.evaluate(t, expression)
		return got == want
	})
}

// write fills in the form and sends it.
func (p tab) write(t *testing.T, text string) {
	t.Helper()
	p.eventually(t, "document.readyState", "complete")
	p.evaluate(t, fmt.Sprintf("document.querySelector('#text').value = %q; document.querySelector('form').requestSubmit()", text))
}

// pictures saves screenshots for people, and checks that the page fits a narrow screen.
func (p tab) pictures(t *testing.T, name string) {
	t.Helper()
	const pictureHeight = 1500
	p.Call(t, "Emulation.setScrollbarsHidden", map[string]any{"hidden": true}, nil)
	for _, look := range []struct {
		name   string
		width  int
		scheme string
	}{{"light", 1280, "light"}, {"dark", 1280, "dark"}, {"narrow", 320, "light"}, {"narrow-dark", 320, "dark"}} {
		p.Call(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": look.width, "height": pictureHeight, "deviceScaleFactor": 1, "mobile": false}, nil)
		p.Call(t, "Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": look.scheme}}}, nil)
		if got, want := p.evaluate(t, "document.documentElement.scrollWidth"), fmt.Sprint(look.width); got != want {
			t.Errorf("%s-%s: the page is %s pixels wide on a screen of %s", name, look.name, got, want)
		}
		var shot struct{ Data string }
		p.Call(t, "Page.captureScreenshot", nil, &shot)
		data, err := base64.StdEncoding.DecodeString(shot.Data)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(artifacts, name+"-"+look.name+".png")
		rig.Write(t, file, data, 0o644)
		checkPicture(t, file, look.width, pictureHeight, look.scheme == "dark")
	}
}
