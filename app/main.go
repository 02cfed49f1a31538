// Command app is the site: a gin application with HTTPS built in. Its binary has the project's name, and --help lists
// its commands.
package main

import (
	"os"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/handlers"
)

func main() { os.Exit(command.Run(handlers.Site)) }
