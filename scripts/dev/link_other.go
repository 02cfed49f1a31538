//go:build !unix

package main

import "os"

// passesSockets says whether a process can hand its open ports to another.
const passesSockets = false

// link is the way to a child: a pipe. There is none back.
type link struct{ *os.File }

func openLink() (ours link, theirs *os.File, err error) {
	r, w, err := os.Pipe()
	return link{w}, r, err
}

// part is the end of what is said, for a child that is to stop.
func (l link) part() { l.Close() }

func (l link) each(func(line []byte, files []*os.File)) {}
