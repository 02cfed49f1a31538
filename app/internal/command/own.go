package command

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/app/settings"
)

// commands are those of every site, as the usage lists them.
var commands = []kit.Command{
	{Name: "serve", About: "serve the site; also without a command"},
	{Name: "check", About: "report what is wrong with settings, certificates and ports"},
	{Name: "healthcheck", About: "ask the running server whether it is ready"},
	{Name: "version", About: "print the version"},
}

var helpWords = []string{"help", "--help", "-help", "-h"}

var commandName = regexp.MustCompile(`^[a-z][a-z0-9]*([-:_][a-z0-9]+)*$`)

// misdeclared returns what is wrong with the commands that the site declares.
func misdeclared(own []kit.Command) (faults settings.Faults) {
	for i, c := range own {
		fault := settings.Fault{Setting: "Commands", Value: c.Name}
		switch {
		case !commandName.MatchString(c.Name):
			fault.Problem = "is not the name of a command"
			fault.Fix = "write lower-case letters, digits, - and :, such as adduser or db:migrate, in handlers/site.go"
		case find(commands, c.Name) != nil, c.Name == "help", c.Name == "doctor":
			fault.Problem = "is a command of the program itself"
			fault.Fix = "give your own another name in handlers/site.go"
		case find(own[:i], c.Name) != nil:
			fault.Problem, fault.Fix = "is declared twice", "remove one of the two from Commands in handlers/site.go"
		case c.Run == nil:
			fault.Problem, fault.Fix = "has no Run", "set Run in handlers/site.go, the function that does the work"
		default:
			continue
		}
		faults = append(faults, fault)
	}
	return faults
}

// find returns the command of that name, or nil.
func find(list []kit.Command, name string) *kit.Command {
	if i := slices.IndexFunc(list, func(c kit.Command) bool { return c.Name == name }); i >= 0 {
		return &list[i]
	}
	return nil
}

// runOwn runs a command of the site. It opens no port and reads no certificate: the command may run beside the server.
func runOwn(ctx context.Context, c kit.Command, args []string, site kit.Site, w World) error {
	s, faults := loadSettings(w, site)
	if len(faults) > 0 {
		return faults
	}
	err := c.Run(ctx, kit.Call{Program: s, Args: args, Stdin: cmp.Or[io.Reader](w.Stdin, strings.NewReader("")),
		Stdout: w.Stdout, Stderr: w.Stderr})
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}

// usage lists the commands, and the settings that the site declares.
func usage(out io.Writer, site kit.Site) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintf(w, "usage: %s [command]\n\n", project())
	for _, c := range slices.Concat(commands, site.Commands) {
		fmt.Fprintf(w, "  %s\t%s\n", c.Name, c.About)
	}
	if len(site.Settings) > 0 {
		fmt.Fprintf(w, "\nsettings of this site, in addition to those of .env.example:\n\n")
	}
	for _, s := range site.Settings {
		note := ""
		switch {
		case s.Required:
			note = " (required)"
		case s.Default != "" && !s.Secret:
			note = " (default: " + s.Default + ")"
		}
		fmt.Fprintf(w, "  %s\t%s%s\n", s.Name, s.About, note)
	}
}
