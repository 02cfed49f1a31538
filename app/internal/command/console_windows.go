package command

import (
	"os"

	"golang.org/x/sys/windows"
)

// showsColour makes the console act on escape codes, and reports whether it does.
func showsColour(f *os.File) bool {
	console, mode := windows.Handle(f.Fd()), uint32(0)
	return windows.GetConsoleMode(console, &mode) == nil &&
		windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
