package command

import (
	"fmt"
	"io"
	"log/slog"
	"os"
)

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
