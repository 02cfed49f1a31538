package truststore

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// distribution is how a Linux system adds a root: a file in dir, then a command that rebuilds what programs read.
type distribution struct {
	name, dir, ext  string
	update, rebuild string // after adding, after removing
}

// distributions are told apart by the directory, which comes with the package of the command.
var distributions = []distribution{
	{"Fedora, RHEL", "/etc/pki/ca-trust/source/anchors", ".pem", "update-ca-trust", "update-ca-trust"},
	{"SUSE", "/etc/pki/trust/anchors", ".pem", "update-ca-certificates", "update-ca-certificates"},
	{"Arch", "/etc/ca-certificates/trust-source/anchors", ".crt", "trust extract-compat", "trust extract-compat"},
	// Without --fresh Debian leaves a dangling link behind; Alpine ignores it.
	{"Debian, Ubuntu, Alpine", "/usr/local/share/ca-certificates", ".crt", "update-ca-certificates",
		"update-ca-certificates --fresh"},
}

// system is the store of a Linux system, which curl, Go, Python and most other programs read.
type system struct {
	machine
	stateless
	distribution // the zero value: one that is not in the table
}

func (m machine) system() *system {
	for _, d := range distributions {
		if exists(d.dir) {
			return &system{machine: m, distribution: d}
		}
	}
	return &system{machine: m}
}

// file returns where the root goes. Its name has the user's number, so that no user removes the roots of another.
func (s *system) file() string {
	fingerprint := s.root.Name()[strings.LastIndex(s.root.Name(), " ")+1:]
	return fmt.Sprintf("%s/turnkey-dev-root-%d-%s%s", s.dir, s.UID, fingerprint, s.ext)
}

// files returns the roots of this user that are in the directory.
func (s *system) files() []string {
	if s.dir == "" {
		return nil
	}
	files, _ := filepath.Glob(fmt.Sprintf("%s/turnkey-dev-root-%d-*", s.dir, s.UID))
	return files
}

// adding returns the commands that put the root in place of old ones. become begins each of them.
func (s *system) adding(become, old []string) (cmds []command) {
	if len(old) > 0 {
		cmds = append(cmds, as(become, append([]string{"rm", "-f"}, old...)...))
	}
	return append(cmds, as(become, "install", "-m", "644", s.root.File, s.file()),
		as(become, strings.Fields(s.update)...))
}

func (s *system) removing(become, files []string) []command {
	return []command{as(become, append([]string{"rm", "-f"}, files...)...), as(become, strings.Fields(s.rebuild)...)}
}

// as adds sudo to a command. The command counts as one that asks even for root, so that no change of the system goes
// unannounced.
func as(become []string, args ...string) command { return command{slices.Concat(become, args), true} }

// become returns what makes a command an administrator's, or nothing for root. In CI it must not ask.
func (s *system) become() []string {
	if s.UID == 0 {
		return nil
	}
	become := []string{"sudo"}
	if !installed("sudo") && installed("doas") {
		become = []string{"doas"}
	}
	if s.Getenv("CI") != "" {
		become = append(become, "-n")
	}
	return become
}

func (s *system) Info() Info {
	info := Info{"curl, Go, Python, PHP, Ruby, git", s.dir, System,
		"see your system's manual on local certificate authorities"}
	if s.dir == "" {
		info.Where = "system store"
	} else if s.root != nil {
		info.ByHand = joined(s.adding(s.become(), nil))
	}
	return info
}

// joined puts commands into one line.
func joined(cmds []command) string {
	lines := make([]string, len(cmds))
	for i, c := range cmds {
		lines[i] = c.String()
	}
	return strings.Join(lines, " && ")
}

func (s *system) Has(ctx context.Context) (bool, error) {
	if s.root == nil {
		return len(s.files()) > 0, nil
	}
	return s.accepts(ctx)
}

func (s *system) Add(ctx context.Context) error {
	switch {
	case s.dir == "" && exists("/etc/NIXOS"):
		return &Blocked{"NixOS takes roots from its configuration", nixSnippet(s.root)}
	case s.dir == "":
		return &Blocked{"this system's way to add a root is not known here",
			"give programs the file itself, as listed below"}
	}
	return s.run(ctx, s.adding, s.files())
}

func (s *system) Remove(ctx context.Context) (how string, err error) {
	files := s.files()
	if len(files) == 0 {
		return "", nil
	}
	return "removed", s.run(ctx, s.removing, files)
}

func (s *system) run(ctx context.Context, cmds func(become, files []string) []command, files []string) error {
	become := s.become()
	if len(become) > 0 && !installed(become[0]) {
		return &Blocked{"only an administrator may, and sudo is not installed", "as root: " + joined(cmds(nil, files))}
	}
	for _, c := range cmds(become, files) {
		if err := s.change(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func nixSnippet(root *Root) string {
	return fmt.Sprintf("add to configuration.nix: security.pki.certificateFiles = [ %q ]; then: sudo nixos-rebuild "+
		"switch", root.File)
}
