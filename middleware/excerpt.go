package middleware

import (
	"os"
	"path/filepath"
	"strings"
)

// around is how many lines an excerpt shows on each side of the line in question.
const around = 6

// sourceLine is a line of an excerpt.
type sourceLine struct {
	Number int
	Text   string
	Here   bool // it is the line in question
}

// excerpt returns the lines around one of a file, or nil if the file cannot be read.
func excerpt(file string, line int) []sourceLine {
	if line == 0 {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil { // the program was built on another machine, or with -trimpath
		return nil
	}
	var out []sourceLine
	n := 0
	for text := range strings.Lines(string(data)) {
		if n++; n >= line-around && n <= line+around {
			text = strings.ReplaceAll(strings.TrimRight(text, "\r\n"), "\t", "    ")
			out = append(out, sourceLine{n, text, n == line})
		}
	}
	return out
}

// ShortFile returns the name of a source file as seen from the working directory. The name of a file outside of it
// stays.
func ShortFile(file string) string {
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, filepath.FromSlash(file)); err == nil && !strings.HasPrefix(rel, "..") {
			return filepath.ToSlash(rel)
		}
	}
	return file
}
