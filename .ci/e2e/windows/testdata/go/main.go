//go:build windows

// Command go stands in the path of scripts/dev in place of Go's own, which would take minutes under Wine. It has the
// tests run the real one, which builds for Windows in the same folder, and passes on what that says.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
)

func main() {
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "go:", err)
	}
	os.Exit(code)
}

func run() (int, error) {
	conn, err := net.Dial("tcp", os.Getenv("TEST_GO_COMMAND"))
	if err != nil {
		return 1, err
	}
	defer conn.Close() // also when this program is killed, which ends the real one
	dir, err := os.Getwd()
	if err != nil {
		return 1, err
	}
	if err := json.NewEncoder(conn).Encode(map[string]any{"Dir": dir, "Args": os.Args[1:]}); err != nil {
		return 1, err
	}
	var answer struct {
		Stdout, Stderr string
		Code           int
	}
	if err := json.NewDecoder(conn).Decode(&answer); err != nil {
		return 1, err
	}
	fmt.Print(answer.Stdout)
	fmt.Fprint(os.Stderr, answer.Stderr)
	return answer.Code, nil
}
