package command

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/mattn/go-isatty"

	"example.com/turnkey/app/internal/logs"
)

// newLogger returns a logger that writes to out. out writes to w.Stdout. If that is a terminal, LOG_FORMAT=text means
// short lines for people.
func newLogger(out io.Writer, l loaded, w World) *slog.Logger {
	f, isFile := w.Stdout.(*os.File)
	if l.settings.LogJSON || !isFile || !isTerminal(f) {
		return logs.New(out, l.settings.LogLevel, l.settings.LogJSON)
	}
	getenv := func(name string) string { v, _ := w.Lookup(name); return v }
	return logs.NewForPeople(out, l.settings.LogLevel, wantsColour(f, getenv))
}

// wantsColour reports whether a terminal shows colour and its user wants it (https://no-color.org).
func wantsColour(f *os.File, getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && showsColour(f)
}

// isTerminal does not call f.Fd, which would make a pipe block.
func isTerminal(f *os.File) (is bool) {
	if conn, err := f.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { is = isatty.IsTerminal(fd) })
	}
	return is
}

// alarm returns a function that shows a line which a developer must not overlook: in red if stderr is a terminal that
// shows colour, else as a warning in the log.
func alarm(log *slog.Logger, stderr io.Writer) func(line string) {
	return func(line string) {
		if f, ok := stderr.(*os.File); ok && isTerminal(f) && wantsColour(f, os.Getenv) {
			fmt.Fprintf(f, "\x1b[31m  %s\x1b[0m\n", line)
			return
		}
		log.Warn(line)
	}
}
