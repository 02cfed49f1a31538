// Command dev serves the site and follows every edit.
//
//	go run ./scripts/dev [flags of go build, in place of buildFlags]
//
// It builds ./app, starts it, and watches the files of the module. The server is told of an edited template or asset,
// and its open pages show it at once. After an edit of a .go file, go.mod or .env, a new process is started with the
// same sockets and replaces the old one as soon as it is ready, so that no request is refused. Its jobs begin once the
// old one has ended. A failed build or start is shown here and in the browser while the old process keeps serving.
//
// It ends with the server's exit status: at Ctrl-C, when another program stops the server, and when the first start
// fails without a terminal.
//
// Sockets cannot be passed on Windows. There the old process stops before the new one opens the same ports.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"example.com/turnkey/scripts/internal/process"
	"example.com/turnkey/scripts/internal/project"
)

func main() {
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "make dev:", err)
		status = 1
	}
	os.Exit(status)
}

// buildFlags make the build after an edit short: no debugging tables (dlv debug ./app builds its own), and no
// optimizing of the packages that an edit compiles again. Together they save a third of the time.
var buildFlags = []string{"-tags", "nomsgpack", "-ldflags=-w", "-gcflags=./app=-N -l", "-gcflags=./handlers/...=-N -l"}

func run(flags []string) (status int, err error) {
	if _, err := os.Stat("go.mod"); err != nil {
		return 0, fmt.Errorf("%w; run this where go.mod is", err)
	}
	if len(flags) == 0 {
		flags = buildFlags
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	changes := make(chan []string)
	w, err := newWatcher(".") // before the first build, so that no edit is missed
	if err != nil {
		return 0, fmt.Errorf("watching files: %w", err)
	}
	defer w.Close()
	go w.run(changes)
	s := newSupervisor(flags, binary(), os.Getenv("CI") == "" && process.Terminals(os.Stdin, os.Stdout))
	return s.run(changes, signals), nil
}

// binary is the file that make build writes too.
func binary() string {
	name := project.Name()
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join("bin", name)
}
