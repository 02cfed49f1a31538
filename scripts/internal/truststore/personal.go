package truststore

import (
	"context"
	"regexp"
	"slices"
	"strings"
)

// personal is the store that macOS and Windows keep for a user. It is changed by a command of the system, which
// asks in a dialog. In its commands FILE stands for the root, and SHA1 for the fingerprint of one of our roots.
type personal struct {
	machine
	stateless
	store, where, manager string
	add, list, remove     []string
	hashes                func(listing string) []string // SHA-1 of our roots, as remove wants it
	// unread: no program on this system reads the store, so only its listing can be checked.
	unread bool
}

// keychain is the login keychain of macOS, with trust for this user alone: one dialog, where the system's keychain
// would need sudo and two.
func (m machine) keychain() *personal {
	path := m.Getenv("HOME") + "/Library/Keychains/login.keychain-db"
	return &personal{
		machine: m, store: "Safari, Chrome, Edge, Firefox, Go", where: "login keychain", manager: "Keychain Access",
		add:    []string{"security", "add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", path, "FILE"},
		list:   []string{"security", "find-certificate", "-a", "-c", NamePrefix, "-Z", path},
		remove: []string{"security", "delete-certificate", "-Z", "SHA1", "-t", path}, // -t: and this user's trust in it
		hashes: keychainHashes,
	}
}

// certstore is the store of a Windows user.
func (m machine) certstore(certutil string) *personal {
	return &personal{
		machine: m, store: "Chrome, Edge, Firefox, Go", where: `CurrentUser\Root`, manager: "certmgr.msc",
		add:    []string{certutil, "-user", "-addstore", "Root", "FILE"},
		list:   []string{certutil, "-user", "-store", "Root"},
		remove: []string{certutil, "-user", "-delstore", "Root", "SHA1"},
		hashes: certstoreHashes,
	}
}

// wsl is the Windows store as seen from WSL, where browsers are Windows programs. It is nil outside of WSL, and if
// Windows programs cannot be started.
func (m machine) wsl(ctx context.Context) *personal {
	if !m.WSL() {
		return nil
	}
	programs := []string{"certutil.exe", "/mnt/c/Windows/System32/certutil.exe"}
	i := slices.IndexFunc(programs, installed)
	if i < 0 {
		return nil
	}
	s := m.certstore(programs[i])
	s.store, s.unread = "Chrome, Edge, Firefox on Windows", true
	if m.root != nil {
		if out, err := run(ctx, command{args: []string{"wslpath", "-w", m.root.File}}); err == nil {
			windows := *m.root
			windows.File = strings.TrimSpace(out)
			s.root = &windows
		}
	}
	return s
}

// filled returns a command that changes the store, with a value in place of a word.
func filled(args []string, word, value string) command {
	args = slices.Clone(args)
	args[slices.Index(args, word)] = value
	return command{args, true}
}

func (s *personal) Info() Info {
	byHand := "delete " + NamePrefix + "… in " + s.manager
	if s.root != nil {
		byHand = filled(s.add, "FILE", s.root.File).String()
	}
	return Info{s.store, s.where, User, byHand}
}

func (s *personal) Has(ctx context.Context) (bool, error) {
	if !s.unread {
		return s.accepts(ctx)
	}
	hashes, err := s.find(ctx)
	return slices.Contains(hashes, s.root.sha1()), err
}

func (s *personal) Add(ctx context.Context) error {
	return declined(s.change(ctx, filled(s.add, "FILE", s.root.File)), s.Info().ByHand)
}

func (s *personal) Remove(ctx context.Context) (how string, err error) {
	hashes, err := s.find(ctx)
	if err != nil {
		return "", err
	}
	for _, sha1 := range hashes {
		if err := s.change(ctx, filled(s.remove, "SHA1", sha1)); err != nil {
			return "", declined(err, "make untrust")
		}
		how = "removed"
	}
	return how, nil
}

func (s *personal) find(ctx context.Context) ([]string, error) {
	out, err := run(ctx, command{args: s.list})
	if err != nil && strings.Contains(err.Error(), "could not be found") { // on macOS an empty result is an error
		err = nil
	}
	return s.hashes(out), err
}

var (
	keychainHash  = regexp.MustCompile(`SHA-1 hash: ([0-9A-F]{40})`)
	certstoreHash = regexp.MustCompile(`\(sha1\)\s*:?\s*((?:[0-9a-fA-F]{2} ?){20})`)
)

func keychainHashes(listing string) (hashes []string) {
	for _, m := range keychainHash.FindAllStringSubmatch(listing, -1) {
		hashes = append(hashes, m[1])
	}
	return hashes
}

// certstoreHashes relies on nothing in a listing that is in the language of Windows: only on "(sha1)", on names, and on
// the lines of equal signs between certificates.
func certstoreHashes(listing string) (hashes []string) {
	for part := range strings.SplitSeq(listing, "================") {
		if m := certstoreHash.FindStringSubmatch(part); m != nil && strings.Contains(part, "CN="+NamePrefix) {
			hashes = append(hashes, strings.ToLower(strings.ReplaceAll(m[1], " ", "")))
		}
	}
	return hashes
}

// declined returns Blocked if the user said no in a dialog, or could not be asked.
func declined(err error, next string) error {
	for _, sign := range []string{
		"canceled by the user", "no user interaction was possible", "User interaction is not allowed", // macOS
		"0x800704c7", // Windows: ERROR_CANCELLED
	} {
		if err != nil && strings.Contains(err.Error(), sign) {
			return &Blocked{"the dialog was not confirmed", next}
		}
	}
	return err
}
