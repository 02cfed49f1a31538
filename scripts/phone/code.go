package main

import (
	"strings"

	"github.com/mdp/qrterminal/v3"
)

// code draws a QR code of text for a terminal, each line indented. It is black on white in every terminal, since many
// scanners refuse an inverted code. A character shows two modules, one above the other.
func code(text, indent string) string {
	var drawn strings.Builder
	qrterminal.GenerateWithConfig(text, qrterminal.Config{
		Level: qrterminal.L, Writer: &drawn, HalfBlocks: true, QuietZone: 5,
		BlackChar: "█", BlackWhiteChar: "▀", WhiteBlackChar: "▄", WhiteChar: " ",
	})
	// An odd quiet zone begins with half a line, which the library fills up with black. Without that line there are
	// four modules above the code, as ISO/IEC 18004 asks for.
	_, rows, _ := strings.Cut(drawn.String(), "\n")
	var out strings.Builder
	for row := range strings.Lines(rows) {
		out.WriteString(indent + "\x1b[38;5;16;48;5;231m" + strings.TrimSuffix(row, "\n") + "\x1b[0m\n")
	}
	return out.String()
}
