package truststore

import (
	"context"
	"os"
	"slices"
	"strings"
)

// personal is the store that macOS and Windows keep for a user. It is changed by a command of the system, which
// asks in a dialog.
type personal struct {
	host *Host
	root *Root // not needed to remove

	name, where, manager string
	add                  func(file string) Command
	list                 Command
	hashes               func(listing string) []string // SHA-1 of our roots, as remove wants it
	remove               func(sha1 string) Command
	unread               bool // no program on this system reads the store, so only its listing can be checked
}

// keychain is the login keychain of macOS, with trust for this user alone: one dialog, where the system's keychain
// would need sudo and two.
func (h *Host) keychain(root *Root) *personal {
	path := h.Getenv("HOME") + "/Library/Keychains/login.keychain-db"
	return &personal{
		host: h, root: root, name: "Safari, Chrome, Edge, Firefox, Go", where: "login keychain", manager: "Keychain Access",
		add: func(file string) Command {
			return Command{[]string{"security", "add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", path, file}, true}
		},
		list:   Command{[]string{"security", "find-certificate", "-a", "-c", NamePrefix, "-Z", path}, false},
		hashes: keychainHashes,
		remove: func(sha1 string) Command { // -t: and this user's trust in it
			return Command{[]string{"security", "delete-certificate", "-Z", sha1, "-t", path}, true}
		},
	}
}

// certstore is the store of a Windows user.
func (h *Host) certstore(root *Root, certutil string) *personal {
	return &personal{
		host: h, root: root, name: "Chrome, Edge, Firefox, Go", where: `CurrentUser\Root`, manager: "certmgr.msc",
		add: func(file string) Command {
			return Command{[]string{certutil, "-user", "-addstore", "Root", file}, true}
		},
		list:   Command{[]string{certutil, "-user", "-store", "Root"}, false},
		hashes: certstoreHashes,
		remove: func(sha1 string) Command {
			return Command{[]string{certutil, "-user", "-delstore", "Root", sha1}, true}
		},
	}
}

// wsl is the Windows store seen from inside WSL, where the browsers are Windows programs. It is nil elsewhere, and
// where Windows programs cannot be started.
func (h *Host) wsl(ctx context.Context, root *Root) *personal {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	if h.Getenv("WSL_DISTRO_NAME") == "" && !strings.Contains(strings.ToLower(string(release)), "microsoft") {
		return nil
	}
	programs := []string{"certutil.exe", "/mnt/c/Windows/System32/certutil.exe"}
	i := slices.IndexFunc(programs, installed)
	if i < 0 {
		return nil
	}
	s := h.certstore(root, programs[i])
	s.name, s.unread = "Chrome, Edge, Firefox on Windows", true
	if root != nil {
		if out, err := run(ctx, Command{Args: []string{"wslpath", "-w", root.File}}); err == nil {
			windows := *root
			windows.File = strings.TrimSpace(out)
			s.root = &windows
		}
	}
	return s
}

func (s *personal) Restart() string { return "" }

func (s *personal) Info() Info {
	byHand := "delete " + NamePrefix + "… in " + s.manager
	if s.root != nil {
		byHand = s.add(s.root.File).String()
	}
	return Info{s.name, s.where, User, byHand}
}

func (s *personal) Has(ctx context.Context) (bool, error) {
	if !s.unread {
		return s.host.systemAccepts(ctx, s.root)
	}
	hashes, err := s.find(ctx)
	return slices.Contains(hashes, s.root.sha1()), err
}

func (s *personal) Add(ctx context.Context) error {
	return declined(s.host.change(ctx, s.add(s.root.File)), s.Info().ByHand)
}

func (s *personal) Remove(ctx context.Context) (how string, err error) {
	hashes, err := s.find(ctx)
	if err != nil {
		return "", err
	}
	for _, sha1 := range hashes {
		if err := s.host.change(ctx, s.remove(sha1)); err != nil {
			return "", declined(err, "make untrust")
		}
		how = "removed"
	}
	return how, nil
}

func (s *personal) find(ctx context.Context) ([]string, error) {
	out, err := run(ctx, s.list)
	if err != nil && strings.Contains(err.Error(), "could not be found") { // on macOS an empty result is an error
		err = nil
	}
	return s.hashes(out), err
}
