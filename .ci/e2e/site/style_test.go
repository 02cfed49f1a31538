package site

import (
	"fmt"
	"testing"
)

// What an owner puts into a page fits a phone with style.css alone: a wide picture, a long line of code, and every kind
// of field, of which a button looks like a button, and a label stands beside its box.
func TestStyleFitsWhatOwnersWrite(t *testing.T) {
	t.Parallel()
	s := serve(t)
	d := chromium(t, s.sites(), s.root).Steer(t)
	d.Call(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": 320, "height": 900, "deviceScaleFactor": 1, "mobile": true}, nil)
	d.Visit(t, "https://"+shop+"/", "")
	const page = `<h1>Donaudampfschifffahrtsgesellschaft</h1><pre>go build -trimpath -o bin/a-long-name ./app</pre>
		<img src="/static/icon.svg" width="800" height="200"><video width="640" height="100" controls></video><iframe width="640"></iframe>
		<form><fieldset><legend>Delivery</legend><label><input type="radio"> Post</label></fieldset>
		<input type="file"><select><option>An option that is much wider than the phone of most visitors</select>
		<input type="color"><input type="range"><input type="date"><input type="checkbox" id="box"> <label for="box">I agree</label>
		<button>Send</button><input type="submit" value="Send"><a class="button" href="/">Send</a></form>`
	d.Evaluate(t, fmt.Sprintf("document.querySelector('main').innerHTML = %q; 0", page), nil)
	var width int
	if d.Evaluate(t, "document.documentElement.scrollWidth", &width); width > 320 {
		t.Errorf("the page has to be scrolled sideways, for it is %d wide", width)
	}
	var colours []string
	d.Evaluate(t, `["button", "[type=submit]", ".button"].map(b => getComputedStyle(document.querySelector("form " + b)).backgroundColor)`, &colours)
	if len(colours) != 3 || colours[0] != colours[1] || colours[0] != colours[2] {
		t.Errorf("the buttons have the colours %q, want one", colours)
	}
	var beside bool
	const rows = `["#box", "#box + label"].map(q => document.querySelector(q).getBoundingClientRect())`
	if d.Evaluate(t, "(([box, label]) => box.top < label.bottom && label.top < box.bottom)("+rows+")", &beside); !beside {
		t.Error("the label is not beside its box")
	}
}
