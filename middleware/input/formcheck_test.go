package input

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// The check must refuse exactly the forms that url.ParseQuery refuses, however the reads divide the form.
func FuzzFormCheck(f *testing.F) {
	for _, s := range []string{"text=%zz", "a;b=c", "text=50%", "a=%4", "a=%41&b", "%%%", "", "&&",
		strings.Repeat("&", maxFields)} {
		f.Add(s, uint8(1))
	}
	f.Fuzz(func(t *testing.T, form string, size uint8) {
		var check formCheck
		for piece := range slices.Chunk([]byte(form), int(size)+1) {
			check.write(piece)
		}
		if _, err := url.ParseQuery(form); check.malformed() != (err != nil) {
			t.Errorf("%q is malformed: %v; net/url says %v", form, check.malformed(), err)
		}
	})
}
