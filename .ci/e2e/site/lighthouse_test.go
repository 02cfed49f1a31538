package site

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// The page as Lighthouse sees it on a slow phone. Nothing else is measured meanwhile.
func TestThePageDoesWellOnASlowPhone(t *testing.T) {
	s := serve(t)
	port := rig.Port(t)
	chromium(t, s.sites(), s.root).Listen(t, port)
	var got struct {
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
	node(t, s.sites(), s.root, &got, "lighthouse.mjs", "https://"+shop+"/", fmt.Sprint(port))
	if got.RuntimeError != nil {
		t.Fatalf("%s: %s", got.RuntimeError.Code, got.RuntimeError.Message)
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
	row(t, "Lighthouse, on a phone", strings.Join(figures, ", "), "95, SEO none")
}
