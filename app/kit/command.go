package kit

import (
	"context"
	"io"
)

// Command is a command of the site: bin/shop adduser ada@shop.test. It may run while the server runs. It opens no port
// and does not call Routes.
type Command struct {
	// Name is the first word after the program's name: lower-case letters, digits, -, : and _. The program's own commands
	// cannot be replaced.
	Name string

	// About says in a sentence what the command does. The usage lists it.
	About string

	// Run does the work, once all settings have been found valid. The first SIGINT or SIGTERM cancels ctx, the second
	// ends the process. An error is printed on standard error, and the exit status is 1. flag.ErrHelp counts as success,
	// because package flag has printed the help then.
	Run func(ctx context.Context, call Call) error
}

// Call has the arguments and the streams of a command. Stdin, Stdout and Stderr are those of the process.
type Call struct {
	Program
	Args           []string // after the command's name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}
