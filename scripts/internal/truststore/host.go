package truststore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	commandTime = 30 * time.Second
	askTime     = 5 * time.Minute // the user looks for a password, or reads a dialog
)

// Host is the machine that the stores are on. All fields but DryRun and Say are required.
type Host struct {
	OS         string // as runtime.GOOS has it
	UID        int    // the user's number; 0 needs no sudo
	Getenv     func(string) string
	Executable string            // a program that begins with ServeVerify
	DryRun     bool              // change nothing; Say what would be run
	Say        func(line string) // gets every command that asks for a password, before it runs; may be nil
}

// NewHost returns the machine that this program runs on.
func NewHost() (*Host, error) {
	exe, err := os.Executable()
	return &Host{OS: runtime.GOOS, UID: os.Getuid(), Getenv: os.Getenv, Executable: exe}, err
}

// Command is one call of another program.
type Command struct {
	Args []string
	Asks bool // it asks the user for something, so it may take long and read the terminal
}

// String returns the command as a user would type it.
func (c Command) String() string {
	quoted := make([]string, len(c.Args))
	for i, arg := range c.Args {
		quoted[i] = quote(arg, strings.HasSuffix(c.Args[0], ".exe"))
	}
	return strings.Join(quoted, " ")
}

// quote quotes an argument for a POSIX shell, or for PowerShell and cmd.
func quote(arg string, windows bool) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"
	switch {
	case windows && strings.Trim(arg, plain+`\`) == "", arg != "" && strings.Trim(arg, plain) == "":
		return arg
	case windows:
		return `"` + arg + `"`
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// change runs a command that changes the machine. A dry run only prints it.
func (h *Host) change(ctx context.Context, c Command) error {
	if h.Say != nil && (h.DryRun || c.Asks) {
		h.Say(c.String())
	}
	if h.DryRun {
		return nil
	}
	_, err := run(ctx, c)
	return err
}

// edit is change for what needs no other program. line is the command that a user would type.
func (h *Host) edit(line string, do func() error) error {
	if !h.DryRun {
		return do()
	}
	if h.Say != nil {
		h.Say(line)
	}
	return nil
}

func run(ctx context.Context, c Command) (string, error) {
	limit := commandTime
	if c.Asks {
		limit = askTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.WaitDelay = time.Second
	if c.Asks {
		cmd.Stdin = os.Stdin
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("gave no answer in %s", limit)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", c, err, strings.Join(strings.Fields(string(out)), " "))
	}
	return string(out), err
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// expand replaces $HOME and the XDG base directories, with their defaults, in a path of a table.
func (h *Host) expand(path string) string {
	return filepath.Clean(os.Expand(path, func(name string) string {
		switch value := h.Getenv(name); {
		case name == "XDG_DATA_HOME" && !filepath.IsAbs(value):
			return h.Getenv("HOME") + "/.local/share"
		case name == "XDG_CONFIG_HOME" && !filepath.IsAbs(value):
			return h.Getenv("HOME") + "/.config"
		default:
			return value
		}
	}))
}

// short returns a path with ~ for the home directory.
func (h *Host) short(path string) string {
	if rest, ok := strings.CutPrefix(path, h.Getenv("HOME")+"/"); ok {
		return "~/" + rest
	}
	return path
}
