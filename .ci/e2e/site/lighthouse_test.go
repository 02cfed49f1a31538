package site

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// Lighthouse measures the pages as on a slow phone. No other test runs meanwhile.
func TestLighthouseScoresOnASlowPhone(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/", "/connection"} {
		t.Run(path, func(t *testing.T) { s.measure(t, path) })
	}
}

// report is Lighthouse's output.
type report struct {
	RuntimeError *struct{ Code, Message string }
	Categories   map[string]struct {
		Score     float64
		AuditRefs []struct {
			ID     string
			Weight float64
		}
	}
	Audits map[string]struct {
		Title, DisplayValue string
		Score               *float64
		Details             json.RawMessage
	}
}

// measure runs Lighthouse on one page.
func (s site) measure(t *testing.T, path string) {
	t.Helper()
	port := rig.Port(t)
	chromium(t, s.sites(), s.root).Listen(t, port)
	var got report
	// The blocking time of one run is that of the machine, too: the best of at most four runs counts.
	for range 4 {
		var this report
		node(t, s.sites(), s.root, &this, "lighthouse.mjs", "https://"+shop+path, fmt.Sprint(port))
		if this.RuntimeError != nil {
			t.Fatalf("%s: %s", this.RuntimeError.Code, this.RuntimeError.Message)
		}
		if got.Categories == nil || this.Categories["performance"].Score > got.Categories["performance"].Score {
			got = this
		}
		if got.Categories["performance"].Score >= 0.95 {
			break
		}
	}
	figures := []string{}
	for _, category := range []struct {
		id  string
		bar int
	}{{"performance", 95}, {"accessibility", 95}, {"best-practices", 95}, {"seo", 0}} {
		found := got.Categories[category.id]
		score := int(found.Score*100 + 0.5)
		figures = append(figures, fmt.Sprintf("%s %d", strings.ReplaceAll(category.id, "-", " "), score))
		for _, ref := range found.AuditRefs {
			if a := got.Audits[ref.ID]; ref.Weight > 0 && a.Score != nil && *a.Score < 1 {
				t.Logf("%s: %s: %.2f: %s %s\n%.1000s", category.id, ref.ID, *a.Score, a.Title, a.DisplayValue, a.Details)
			}
		}
		if score < category.bar {
			t.Errorf("%s: %d, want %d or more", category.id, score, category.bar)
		}
	}
	row(t, "Lighthouse, on a phone, "+path, strings.Join(figures, ", "), "95, SEO none")
}
