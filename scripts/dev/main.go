// Command dev serves the site while it is being written.
//
//	go run ./scripts/dev [flags of go build, instead of the Makefile's]
//
// It builds ./app, starts it, and watches the files of the module. An edited template or asset is told to the server,
// whose open pages show it at once. An edited .go file or go.mod is built, and an edited .env read, by a new process
// that takes the place of the old one behind the same sockets, once it is ready: no request in between is refused. What
// does not build or start is shown, here and in the browser, while the old process keeps serving.
//
// It ends with the server's exit status: at Ctrl-C, when the server was stopped by somebody else, and when the first
// start fails and nobody is at the terminal to mend it.
//
// Sockets cannot be passed on Windows: there the old process stops before the new one opens the same ports.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
)

func main() {
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "make dev:", err)
		status = 1
	}
	os.Exit(status)
}

func run(flags []string) (status int, err error) {
	if _, err := os.Stat("go.mod"); err != nil {
		return 0, fmt.Errorf("%w; run this where go.mod is", err)
	}
	if len(flags) == 0 {
		flags = []string{"-tags", "nomsgpack", "-ldflags=-w", "-gcflags=./app=-N -l"} // as in the Makefile
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	changes := make(chan []string)
	w, err := newWatcher(".") // before the first build, so that no edit falls between
	if err != nil {
		return 0, fmt.Errorf("watching files: %w", err)
	}
	defer w.Close()
	go w.run(changes)
	s := newSupervisor(flags, binary(), os.Getenv("CI") == "" && terminal(os.Stdin, os.Stdout))
	return s.run(changes, signals), nil
}

// binary is what make build makes, too: its name is the last element of the module's path.
func binary() string {
	name := "app"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path != "" {
		name = path.Base(info.Main.Path)
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join("bin", name)
}

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
