// Command rooms prints the list of closed rooms, and with -weigh how large each of them is.
//
//	go run ./scripts/rooms          the list: a path, and what it may import
//	go run ./scripts/rooms -weigh   files, lines, long functions and exported names, beside the goals
//
// The list is rooms.txt. An upgrade, a rename and the test of this package read it too.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"example.com/turnkey/scripts/internal/project"
)

func main() {
	weigh := flag.Bool("weigh", false, "print how large each room is, in place of the list")
	flag.Parse()
	if err := run(".", *weigh, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rooms:", err)
		os.Exit(1)
	}
}

func run(dir string, weigh bool, w io.Writer) error {
	rooms, err := project.ReadRooms(dir)
	if err != nil {
		return fmt.Errorf("%w\n  → run it in the project's own folder: go run ./scripts/rooms", err)
	}
	if weigh {
		printWeight(project.Tree(dir), rooms, w)
		return nil
	}
	for _, r := range rooms.Closed {
		fmt.Fprintln(w, strings.TrimSpace(fmt.Sprintf("%-27s %s", r.Path, strings.Join(r.May, " "))))
	}
	return nil
}
