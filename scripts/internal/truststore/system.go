package truststore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// distribution is how a Linux system adds a root: a file in dir, then a command that rebuilds what programs read.
type distribution struct {
	name, dir, ext  string
	update, rebuild []string // after adding, after removing
}

// distributions are told apart by the directory, which comes with the package of the command.
var distributions = []distribution{
	{"Fedora, RHEL", "/etc/pki/ca-trust/source/anchors", ".pem", []string{"update-ca-trust"}, []string{"update-ca-trust"}},
	{"SUSE", "/etc/pki/trust/anchors", ".pem", []string{"update-ca-certificates"}, []string{"update-ca-certificates"}},
	{"Arch", "/etc/ca-certificates/trust-source/anchors", ".crt", []string{"trust", "extract-compat"},
		[]string{"trust", "extract-compat"}},
	// Without --fresh Debian leaves a dangling link behind; Alpine ignores it.
	{"Debian, Ubuntu, Alpine", "/usr/local/share/ca-certificates", ".crt", []string{"update-ca-certificates"},
		[]string{"update-ca-certificates", "--fresh"}},
}

// file returns where a root goes. Its name has the user's number, so that no user removes the roots of another.
func (d distribution) file(uid int, root *Root) string {
	fingerprint := root.Name()[strings.LastIndex(root.Name(), " ")+1:]
	return fmt.Sprintf("%s/turnkey-dev-root-%d-%s%s", d.dir, uid, fingerprint, d.ext)
}

func (d distribution) add(become []string, file string, old []string, root *Root) []Command {
	var cmds []Command
	if len(old) > 0 {
		cmds = append(cmds, as(become, append([]string{"rm", "-f"}, old...)))
	}
	return append(cmds, as(become, []string{"install", "-m", "644", root.File, file}), as(become, d.update))
}

func (d distribution) remove(become []string, files []string) []Command {
	return []Command{as(become, append([]string{"rm", "-f"}, files...)), as(become, d.rebuild)}
}

// as adds sudo to a command. The command counts as one that asks even for root, so that no change of the system goes
// unannounced.
func as(become, args []string) Command {
	return Command{Args: slices.Concat(become, args), Asks: true}
}

// system is the store of a Linux system, which curl, Go, Python and most other programs read.
type system struct {
	distribution // the zero value: one that is not in the table
	host         *Host
	root         *Root // not needed to remove
}

func (h *Host) system(root *Root) *system {
	for _, d := range distributions {
		if exists(d.dir) {
			return &system{d, h, root}
		}
	}
	return &system{distribution{}, h, root}
}

func (s *system) Restart() string { return "" }

func (s *system) Info() Info {
	info := Info{"curl, Go, Python, PHP, Ruby, git", s.dir, System,
		"see your system's manual on local certificate authorities"}
	if s.dir == "" {
		info.Where = "system store"
	} else if s.root != nil {
		info.ByHand = chain(s.add(s.become(), s.file(s.host.UID, s.root), nil, s.root))
	}
	return info
}

// chain joins commands into one line.
func chain(cmds []Command) string {
	lines := make([]string, len(cmds))
	for i, c := range cmds {
		lines[i] = c.String()
	}
	return strings.Join(lines, " && ")
}

// become returns what makes a command an administrator's, or nothing for root. In CI it must not ask.
func (s *system) become() []string {
	if s.host.UID == 0 {
		return nil
	}
	become := []string{"sudo"}
	if !installed("sudo") && installed("doas") {
		become = []string{"doas"}
	}
	if s.host.Getenv("CI") != "" {
		become = append(become, "-n")
	}
	return become
}

func (s *system) Has(ctx context.Context) (bool, error) {
	if s.root == nil {
		return len(s.files()) > 0, nil
	}
	return s.host.systemAccepts(ctx, s.root)
}

func (s *system) Add(ctx context.Context) error {
	if s.dir == "" {
		return s.unknown()
	}
	return s.run(ctx, func(become []string) []Command {
		return s.add(become, s.file(s.host.UID, s.root), s.files(), s.root)
	})
}

func (s *system) Remove(ctx context.Context) (how string, err error) {
	files := s.files()
	if len(files) == 0 {
		return "", nil
	}
	return "removed", s.run(ctx, func(become []string) []Command { return s.remove(become, files) })
}

func (s *system) run(ctx context.Context, cmds func(become []string) []Command) error {
	become := s.become()
	if len(become) > 0 && !installed(become[0]) {
		return &Blocked{"only an administrator may, and sudo is not installed", "as root: " + chain(cmds(nil))}
	}
	for _, c := range cmds(become) {
		if err := s.host.change(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// files returns the roots of this user that are in the directory.
func (s *system) files() []string {
	if s.dir == "" {
		return nil
	}
	files, _ := filepath.Glob(fmt.Sprintf("%s/turnkey-dev-root-%d-*", s.dir, s.host.UID))
	return files
}

func (s *system) unknown() error {
	if _, err := os.Stat("/etc/NIXOS"); err == nil {
		return &Blocked{"NixOS takes roots from its configuration", nixSnippet(s.root)}
	}
	return &Blocked{"this system's way to add a root is not known here", "give programs the file itself, as listed below"}
}

func nixSnippet(root *Root) string {
	return fmt.Sprintf("add to configuration.nix: security.pki.certificateFiles = [ %q ]; then: sudo nixos-rebuild "+
		"switch", root.File)
}
