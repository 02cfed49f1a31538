// Command rooms prints the list of closed rooms: a path, and what it may import.
//
//	go run ./scripts/rooms
//
// The list is rooms.txt. An upgrade, a rename and the test of this package read it too.
package main

import (
	"fmt"
	"strings"

	"example.com/turnkey/scripts/internal/process"
	"example.com/turnkey/scripts/internal/project"
)

func main() {
	rooms, err := project.ReadRooms(".")
	if err != nil {
		process.Exit("rooms", fmt.Errorf("%w\n  → run it in the project's own folder: go run ./scripts/rooms", err))
	}
	for _, r := range rooms.Closed {
		fmt.Println(strings.TrimSpace(fmt.Sprintf("%-27s %s", r.Path, strings.Join(r.May, " "))))
	}
}
