//go:build linux

package bench

import (
	"fmt"
	"strings"
)

// inPicture are the rows and the servers that the picture shows.
var (
	rowsInPicture = []string{"small JSON, HTTP/1.1", "small JSON, HTTP/2", "page, gzip accepted, HTTP/2", "stylesheet of 16 KiB, HTTP/2",
		"full handshake"}
	serversInPicture = []string{"gin.Default()", usual, behind, "Caddy → bare gin, equal duties", ours}
)

const (
	barStart, barUnit, barHeight = 250, 120, 14 // pixels: where bars begin, how long bare gin's are, how high with the gap
	longest                      = 3.5          // times bare gin; longer bars are cut
)

// bars returns an SVG with a bar for each figure. A line shows where bare gin is.
func (r ratios) bars() string {
	var body strings.Builder
	y := 34
	for _, name := range rowsInPicture {
		row, _ := r.row(name)
		fmt.Fprintf(&body, "<text class=\"h\" x=\"8\" y=\"%d\">%s</text>\n", y, name)
		y += 6
		for _, server := range serversInPicture {
			f, ok := row.Figures[server]
			if !ok {
				continue
			}
			class, text := "", fmt.Sprintf("%.2f", f.Median)
			if server == ours {
				class = " class=\"o\""
			}
			if f.Median > longest {
				text += " →"
			}
			width := int(min(f.Median, longest) * barUnit)
			after := barStart + width
			if width > barUnit-40 && width < barUnit { // the line would go through the figure
				after = barStart + barUnit
			}
			fmt.Fprintf(&body, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", barStart-6, y+11, server)
			fmt.Fprintf(&body, "<rect%s x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", class, barStart, y+2, width, barHeight-3)
			fmt.Fprintf(&body, "<text x=\"%d\" y=\"%d\">%s</text>\n", after+5, y+11, text)
			y += barHeight
		}
		y += 20
	}
	width, height := barStart+int(longest*barUnit)+70, y-10
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-label="Processor time beside bare gin; the table has the figures">
<style>
text { font: 11px system-ui, sans-serif; fill: #24292f } .h { font-weight: bold } rect { fill: #8c959f } .o { fill: #0969da } line { stroke: #24292f; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } rect { fill: #6e7681 } .o { fill: #4493f8 } line { stroke: #e6edf3 } }
</style>
<text x="%d" y="14" text-anchor="middle">bare gin = 1</text>
%s<line x1="%[3]d" y1="20" x2="%[3]d" y2="%[2]d"/>
</svg>
`, width, height, barStart+barUnit, body.String())
}
