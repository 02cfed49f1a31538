package site

import (
	"testing"

	"example.com/turnkey/e2e/rig"
)

// screen sets how large the window is.
func screen(t *testing.T, b *rig.Devtools, width, height int) {
	t.Helper()
	b.Call(t, "Emulation.setDeviceMetricsOverride",
		map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
}

// A newcomer sees without scrolling that the site works, what was made, and what to do next.
func TestTheFirstPageIsOneScreen(t *testing.T) {
	t.Parallel()
	s := serve(t)
	b := rig.Browser(t, s.sites(), s.root)
	screen(t, b, 1280, 720)
	b.Visit(t, "https://"+shop+"/", "")
	var below []string
	b.Evaluate(t, "[...document.querySelectorAll('main li')].filter(li => li.getBoundingClientRect().bottom > innerHeight)"+
		".map(li => li.textContent)", &below)
	var cards int
	if b.Evaluate(t, "document.querySelectorAll('main li').length", &cards); cards < 6 || len(below) > 0 {
		t.Errorf("of %d cards these are below a screen of 720 pixels: %q", cards, below)
	}
}

// A phone breaks no word but one that is longer than its share, and scrolls a table that is still too wide.
func TestAPhoneShowsATableWithoutBrokenWords(t *testing.T) {
	t.Parallel()
	s := serve(t)
	b := rig.Browser(t, s.sites(), s.root)
	b.Visit(t, "https://"+shop+"/", "")
	b.Evaluate(t, `document.querySelector('main').innerHTML =
		'<table><thead><tr><th>Tea</th><th>Number</th><th>Price</th><th></th></tr></thead><tbody>' +
		'<tr><td><span>Genmaicha</span></td><td><span>2</span></td><td>€ <span>110.40</span></td><td><button>Remove</button></td></tr>' +
		'<tr><td>Superfinetippygoldenfloweryorangepekoe</td><td>12</td><td>€ 5.20</td><td><button>Remove</button></td></tr>' +
		'<tr><td>Since</td><td colspan="3"><time>28 November 2026</time></td></tr></tbody></table>' +
		'<table><tr><td>Superfinetippygoldenfloweryorangepekoe</td><td><span>delivered</span></td><td><span>Hippopotamus</span></td>' +
		'<td><span>Switzerland</span></td></tr></table>'`, nil)
	for _, width := range []int{320, 360, 390} {
		screen(t, b, width, 700)
		var broken, wide []string
		b.Evaluate(t, "[...document.querySelectorAll('main :is(span, time)')].filter(e => e.getClientRects().length > 1).map(e => e.textContent)",
			&broken)
		b.Evaluate(t, "[...document.querySelectorAll('html, main, table')].filter(e => e.getBoundingClientRect().right > innerWidth ||"+
			" e.scrollWidth > e.clientWidth && e.tagName != 'TABLE').map(e => e.tagName)", &wide)
		if len(wide) > 0 || len(broken) > 0 {
			t.Errorf("at %d pixels these are wider than the page: %q, and these words are broken: %q", width, wide, broken)
		}
		var scrolls bool
		if b.Evaluate(t, "(t => (t.scrollLeft = 999, t.scrollLeft > 0))([...document.querySelectorAll('table')].at(-1))", &scrolls); !scrolls && width == 320 {
			t.Error("a table that is too wide does not scroll")
		}
	}
}
