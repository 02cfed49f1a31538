package main

import (
	"slices"
	"strings"
	"testing"
)

// The code as a camera sees it: dark on light, four modules of light around it, a finder in three of its corners.
func TestTheCodeIsDarkOnLightWithAQuietZone(t *testing.T) {
	const indent, black = "  ", "\x1b[38;5;16;48;5;231m"
	for _, text := range []string{"http://192.168.1.20:8088/", "http://[fd12:3456:789a:bcde:f012:3456:789a:bcde]:8088/"} {
		var dark [][]bool
		for line := range strings.Lines(code(text, indent)) {
			row, colours := strings.CutPrefix(strings.TrimSuffix(line, "\x1b[0m\n"), indent+black)
			if !colours {
				t.Fatalf("%q sets no colours", line)
			}
			var upper, lower []bool
			for _, r := range row {
				upper, lower = append(upper, r == '█' || r == '▀'), append(lower, r == '█' || r == '▄')
			}
			dark = append(dark, upper, lower)
		}
		first := slices.IndexFunc(dark, func(row []bool) bool { return slices.Contains(row, true) })
		if first < 4 {
			t.Fatalf("%d light lines above the code, want 4 at least:\n%s", first, code(text, indent))
		}
		left := slices.Index(dark[first], true)
		size := len(dark[first]) - 2*left
		if (size-17)%4 != 0 || left < 4 || len(dark) < first+size+4 {
			t.Fatalf("%d modules of %d by %d, with %d light ones at the left", size, len(dark[first]), len(dark), left)
		}
		for y, row := range dark {
			for x, is := range row {
				if is && (y < first || y >= first+size || x < left || x >= left+size) {
					t.Errorf("the quiet zone is dark at %d, %d", x, y)
				}
			}
		}
		for _, corner := range [][2]int{{0, 0}, {size - 7, 0}, {0, size - 7}} {
			for y := range 7 {
				for x := range 7 {
					ring := max(3-x, x-3, 3-y, y-3)
					if got := dark[first+corner[1]+y][left+corner[0]+x]; got != (ring != 2) {
						t.Errorf("the finder at %v is %t at %d, %d", corner, got, x, y)
					}
				}
			}
		}
	}
}
