package rig

import (
	"testing"
	"time"
)

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
