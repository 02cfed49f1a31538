package qr

import "strings"

const margin = 4

// Terminal draws a code with two modules a character, black on white whatever the terminal's colours are.
func (c Code) Terminal(indent string) string {
	dark := func(row, col int) bool {
		return row >= 0 && col >= 0 && row < len(c) && col < len(c) && c[row][col]
	}
	var b strings.Builder
	for row := -margin; row < len(c)+margin; row += 2 {
		b.WriteString(indent + "\x1b[38;5;16;48;5;231m")
		for col := -margin; col < len(c)+margin; col++ {
			switch upper, lower := dark(row, col), dark(row+1, col); {
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}
