// Command app is the site: a gin application that brings its own HTTPS. Its binary has the project's name; --help lists
// its commands.
package main

import (
	"os"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/handlers"
)

func main() { os.Exit(command.Run(handlers.Site)) }
