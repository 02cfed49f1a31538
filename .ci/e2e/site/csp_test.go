package site

import (
	"fmt"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// severities are those of the CSP Evaluator, the worst first.
var severities = map[int]string{10: "high", 20: "syntax", 30: "medium", 40: "possibly high", 45: "strict CSP", 50: "possibly medium", 60: "info", 100: "none"}

// possiblyMedium is its severity of every 'self', whatever the site serves.
const possiblyMedium = 50

// Pages, errors and scripts have a policy without a weakness. What runs nothing has none.
func TestCSPEvaluatorFindsNoWeakness(t *testing.T) {
	t.Parallel()
	s := serve(t)
	client := rig.Visitor(s.pebble.Roots(t))
	worst, without := 100, 0
	for _, answer := range []struct {
		path     string
		status   int
		document bool
	}{
		{"/", 200, true}, {"/connection", 200, true}, {"/nothing-here", 404, true}, {"/static/notes.js", 200, true},
		{"/api/connection", 200, false}, {"/static/style.css", 200, false},
	} {
		got := rig.Ask(t, client, rig.Request{URL: s.at(answer.path), Header: []string{"Accept", "text/html"}})
		if got.StatusCode != answer.status {
			t.Errorf("%s is answered with %d, want %d", answer.path, got.StatusCode, answer.status)
		}
		policies := got.Header.Values("Content-Security-Policy")
		if !answer.document && len(policies) == 0 {
			continue
		}
		if len(policies) != 1 {
			t.Errorf("%s has the policies %q, want one", answer.path, policies)
			without++
			continue
		}
		var findings []struct {
			Severity                      int
			Description, Directive, Value string
		}
		node(t, nil, s.root, &findings, "csp.mjs", policies[0])
		for _, f := range findings {
			worst = min(worst, f.Severity)
			said := fmt.Sprintf("%s: %s %s is %s: %s", answer.path, f.Directive, f.Value, severities[f.Severity], f.Description)
			if f.Severity < possiblyMedium {
				t.Error(said)
			} else {
				t.Log(said)
			}
		}
	}
	figure := "worst finding: " + severities[worst]
	if without > 0 {
		figure = fmt.Sprintf("%d kinds of document without a policy", without)
	}
	row(t, "CSP Evaluator", figure, "nothing above possibly medium")
}
