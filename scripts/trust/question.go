package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// question reads until there is a yes or a no; Enter is yes. Ctrl-C ends it.
func question(ctx context.Context, c console) (yes bool, err error) {
	lines := bufio.NewReader(c.in)
	for {
		fmt.Fprint(c.out, "\n  [Y/n] ")
		type result struct {
			text string
			err  error
		}
		read := make(chan result, 1)
		go func() {
			text, err := lines.ReadString('\n')
			read <- result{text, err}
		}()
		select {
		case <-ctx.Done():
			return false, errInterrupted
		case r := <-read:
			if r.err != nil {
				return false, r.err
			}
			switch strings.ToLower(strings.TrimSpace(r.text)) {
			case "", "y", "yes":
				return true, nil
			case "n", "no":
				return false, nil
			}
			fmt.Fprint(c.out, "  Please answer y or n.\n")
		}
	}
}

var errInterrupted = errors.New("interrupted; you are asked again next time")

// terminal says whether a person is at the other end: a character device, but not the one that is always empty.
func terminal(files ...*os.File) bool {
	null, err := os.Stat(os.DevNull)
	for _, f := range files {
		info, err2 := f.Stat()
		if err != nil || err2 != nil || info.Mode()&os.ModeCharDevice == 0 || os.SameFile(info, null) {
			return false
		}
	}
	return true
}

// container says whether this is one, where no browser is. root is the file system's.
func container(root string) bool {
	for _, sign := range []string{".dockerenv", "run/.containerenv"} {
		if _, err := os.Stat(filepath.Join(root, sign)); err == nil {
			return true
		}
	}
	return false
}
