// Package terminal tells whether a person can answer a question.
package terminal

import "os"

// Are reports whether files are terminals. The null device is a character device too, and is none.
func Are(files ...*os.File) bool {
	null, err := os.Stat(os.DevNull)
	for _, f := range files {
		info, err2 := f.Stat()
		if err != nil || err2 != nil || info.Mode()&os.ModeCharDevice == 0 || os.SameFile(info, null) {
			return false
		}
	}
	return true
}
