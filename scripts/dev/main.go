// Command dev serves the site and follows every edit.
//
//	go run ./scripts/dev [flags of go build, in place of buildFlags]
//	go run ./scripts/dev run ./scripts/NAME [arguments]
//
// It builds ./app, starts it, and watches the files of the module, and those of other folders that the site is built
// from. A build that takes longer than a second shows its progress. With run, it builds and runs another program in the
// same way. It imports little, because it has to be compiled before it can show anything.
//
// It tells the server which template or asset was edited, and open pages show it at once. After an edit of a .go file,
// go.mod or .env, it starts a new process with the same sockets, which replaces the old one as soon as it is ready, so
// that no request is refused. The new process starts its jobs when the old one has ended. If a build or start fails,
// the terminal and the browser show why, while the old process keeps serving.
//
// It ends with the server's exit status: at Ctrl-C, when another program stops the server, and when the first start
// fails without a terminal.
//
// Sockets cannot be passed on Windows. There the old process stops before the new one opens the same ports.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"example.com/turnkey/scripts/internal/process"
)

func main() {
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "make dev:", err)
		status = 1
	}
	os.Exit(status)
}

// buildFlags make the build after an edit a third shorter: no debugging tables (dlv debug ./app builds its own), and no
// optimizing of the packages that an edit compiles again.
var buildFlags = []string{"-tags", "nomsgpack", "-ldflags=-w", "-gcflags=./app=-N -l", "-gcflags=./handlers/...=-N -l"}

const usage = `usage: dev [flags of go build]          serve the site and follow every edit
       dev run ./scripts/NAME [args]    build another program of this project, and run it

Flags, such as -race or -tags=nomsgpack,mine, take the place of those that make a build short.`

func run(flags []string) (status int, err error) {
	if len(flags) > 0 && slices.Contains([]string{"-h", "-help", "--help", "help"}, flags[0]) {
		fmt.Println(usage)
		return 0, nil
	}
	if _, err := os.Stat("go.mod"); err != nil {
		return 0, fmt.Errorf("%w; run this where go.mod is", err)
	}
	if len(flags) > 1 && flags[0] == "run" {
		return runWith(flags[1:])
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
	defer startFrontends()()
	binary := process.Binary("bin", process.Project()) // as make build does
	s := newSupervisor(flags, binary, os.Getenv("CI") == "" && process.Terminals(os.Stdin, os.Stdout))
	builds := make(chan time.Time, 1)
	go followBuilds(builds, w, flags)
	s.kindOf = w.kindOf
	s.listen = func(began time.Time) {
		select {
		case builds <- began:
		default: // the signal before is still waiting, and is enough
		}
	}
	return s.run(changes, signals), nil
}

// followBuilds tells the watcher what the site is built from, after each build: its packages may have changed.
func followBuilds(builds <-chan time.Time, w *watcher, flags []string) {
	for began := range builds {
		if list, err := listRooms(w.root, flags); err == nil {
			w.follow <- newRooms{list, began}
		}
	}
}

// runWith builds the package in the folder args[0] into bin/scripts, shows the progress, and runs it with the other
// arguments.
func runWith(args []string) (status int, err error) {
	binary := process.Binary(filepath.Join("bin", "scripts"), filepath.Base(args[0]))
	if b := goBuild(context.Background(), nil, args[0], binary, true); b.err != nil {
		return 1, b.err
	}
	cmd := exec.Command(binary, args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err = cmd.Run(); err != nil && cmd.ProcessState != nil {
		return max(1, cmd.ProcessState.ExitCode()), nil
	}
	return 0, err
}
