package qr

import "strings"

// penalty counts what scanners stumble over: long runs, blocks, patterns that look like a finder, too much of one shade.
func penalty(c Code) (sum int) {
	size, dark := len(c), 0
	for i := range size {
		var row, col strings.Builder
		for j := range size {
			row.WriteByte(shade(c[i][j]))
			col.WriteByte(shade(c[j][i]))
			if c[i][j] {
				dark++
			}
			if i > 0 && j > 0 && c[i][j] == c[i-1][j] && c[i][j] == c[i][j-1] && c[i][j] == c[i-1][j-1] {
				sum += 3
			}
		}
		for _, line := range []string{row.String(), col.String()} {
			sum += runs(line)
			for at := range line {
				if rest := line[at:]; strings.HasPrefix(rest, "#.###.#....") || strings.HasPrefix(rest, "....#.###.#") {
					sum += 40
				}
			}
		}
	}
	percent := 100 * dark / (size * size)
	return sum + 10*(max(percent-50, 50-percent)/5)
}

// runs of five and more of one shade cost 3, and 1 for each module more.
func runs(line string) (sum int) {
	for start, i := 0, 1; i <= len(line); i++ {
		if i == len(line) || line[i] != line[start] {
			if n := i - start; n >= 5 {
				sum += n - 2
			}
			start = i
		}
	}
	return sum
}

func shade(dark bool) byte {
	if dark {
		return '#'
	}
	return '.'
}
