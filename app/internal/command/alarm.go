package command

import (
	"fmt"
	"io"
	"log/slog"
	"os"
)

// alarm returns a function that shows a line which a developer must not overlook: in red if stderr is a terminal, else
// as a warning in the log. NO_COLOR (https://no-color.org) chooses the log, too.
func alarm(log *slog.Logger, stderr io.Writer) func(line string) {
	return func(line string) {
		if f, ok := stderr.(*os.File); ok && isTerminal(f) && os.Getenv("NO_COLOR") == "" {
			fmt.Fprintf(f, "\x1b[31m  %s\x1b[0m\n", line)
			return
		}
		log.Warn(line)
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}
