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

	"example.com/turnkey/scripts/internal/process"
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

// WSL reports whether the machine is a Linux inside Windows.
func (h *Host) WSL() bool {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return h.OS == "linux" && (h.Getenv("WSL_DISTRO_NAME") != "" ||
		strings.Contains(strings.ToLower(string(release)), "microsoft"))
}

// machine is what the stores have in common.
type machine struct {
	*Host
	root *Root // not needed to remove
}

type command struct {
	args []string
	asks bool // it asks the user for something, so it may take long and read the terminal
}

// String returns the command as a user would type it.
func (c command) String() string {
	return process.Line(strings.HasSuffix(c.args[0], ".exe"), c.args...)
}

// change runs a command that changes the machine, or only prints it in a dry run.
func (h *Host) change(ctx context.Context, c command) error {
	if h.Say != nil && (h.DryRun || c.asks) {
		h.Say(c.String())
	}
	if h.DryRun {
		return nil
	}
	_, err := run(ctx, c)
	return err
}

// edit is change without another program: do makes the change. line is the command that a user would type.
func (h *Host) edit(line string, do func() error) error {
	if !h.DryRun {
		return do()
	}
	if h.Say != nil {
		h.Say(line)
	}
	return nil
}

func run(ctx context.Context, c command) (string, error) {
	limit := commandTime
	if c.asks {
		limit = askTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.WaitDelay = time.Second
	if c.asks {
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
	defaults := map[string]string{"XDG_DATA_HOME": "/.local/share", "XDG_CONFIG_HOME": "/.config"}
	return filepath.Clean(os.Expand(path, func(name string) string {
		value := h.Getenv(name)
		if below := defaults[name]; below != "" && !filepath.IsAbs(value) {
			return h.Getenv("HOME") + below
		}
		return value
	}))
}

// short returns a path with ~ for the home directory.
func (h *Host) short(path string) string {
	if rest, ok := strings.CutPrefix(path, h.Getenv("HOME")+"/"); ok {
		return "~/" + rest
	}
	return path
}
