package site

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// axe runs the rules of WCAG 2.2 AA and axe's best practices on the page and returns the violations.
const axe = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => ({
	passes: r.passes.length,
	violations: r.violations.map(v => ({id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.map(n => n.html + "\n" + n.failureSummary)})),
}))`

// pages are the pages of the site, without errors. Add your own pages here.
var pages = []string{"/", "/connection"}

// view is the result for a page, at one width and in one colour scheme.
type view struct {
	Status, Width int
	Passes        int
	Violations    []struct {
		ID, Impact, Help string
		Nodes            []string
	}
}

// Pages and error pages are accessible at the widths of a phone and a desktop, in light and dark.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	s := serve(t)
	local, ca := broken(t)
	answers := map[string]int{"/nothing-here": 404}
	for _, path := range pages {
		answers[path] = 200
	}
	views, violations, wide := 0, 0, 0
	for _, site := range []struct {
		base, root string
		pages      map[string]int
	}{
		{"https://" + shop, s.root, answers},
		{local, ca, map[string]int{"/": 500, "/nothing-here": 404}},
	} {
		d := chromium(t, s.sites(), site.root).Steer(t)
		for path, status := range site.pages {
			for _, scheme := range []string{"light", "dark"} {
				for _, width := range []int{320, 1280} {
					name := fmt.Sprintf("%s%s, %s, %d pixels wide", site.base, path, scheme, width)
					got := look(t, d, site.base+path, scheme, width)
					views++
					if got.Status != status {
						t.Errorf("%s: is answered with %d, want %d", name, got.Status, status)
					}
					if got.Width > width {
						wide++
						t.Errorf("%s: has to be scrolled sideways, for it is %d wide", name, got.Width)
					}
					if got.Passes < 10 {
						t.Errorf("%s: only %d rules had something to look at", name, got.Passes)
					}
					violations += len(got.Violations)
					for _, v := range got.Violations {
						t.Errorf("%s: %s (%s): %s\n%s", name, v.ID, v.Impact, v.Help, strings.Join(v.Nodes, "\n"))
					}
				}
			}
		}
	}
	row(t, "axe-core, WCAG 2.2 AA and best practices", fmt.Sprintf("%d violations in %d views, %d scroll sideways", violations, views, wide), "0, 0")
}

// look opens a page and runs axe on it.
func look(t *testing.T, d *rig.Devtools, url, scheme string, width int) (v view) {
	t.Helper()
	d.Call(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	d.Call(t, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	d.Visit(t, url, "")
	d.Evaluate(t, string(rig.Read(t, module(t, "axe-core/axe.min.js")))+";0", nil)
	d.Evaluate(t, axe, &v)
	d.Evaluate(t, "performance.getEntriesByType('navigation')[0].responseStatus", &v.Status)
	d.Evaluate(t, "document.documentElement.scrollWidth", &v.Width)
	return v
}

// broken is a development server whose first page has a fault in its template, and the CA to trust for it.
func broken(t *testing.T) (url, ca string) {
	t.Helper()
	dir, port := t.TempDir(), rig.Port(t)
	if err := os.CopyFS(filepath.Join(dir, "web"), os.DirFS(filepath.Join("..", "..", "..", "web"))); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "web", "templates", "home.html")
	rig.Write(t, home, []byte(strings.Replace(string(rig.Read(t, home)), "}}", "}}{{len 7}}", 1)), 0o644)
	rig.Start(t, dir, rig.Env{"HTTPS_ADDR": fmt.Sprintf("localhost:%d", port), "HTTP_ADDR": "off"})
	ca = filepath.Join(dir, "certs", "ca.pem")
	rig.Eventually(t, 5*time.Second, ca, func() bool { _, err := os.Stat(ca); return err == nil })
	return fmt.Sprintf("https://localhost:%d", port), ca
}
