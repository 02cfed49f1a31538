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

// question reads lines until one is a yes or a no. Enter means yes. Ctrl-C ends it.
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

// container reports whether this is a container, which has no browser. root is the root of the file system.
func container(root string) bool {
	for _, sign := range []string{".dockerenv", "run/.containerenv"} {
		if _, err := os.Stat(filepath.Join(root, sign)); err == nil {
			return true
		}
	}
	return false
}
