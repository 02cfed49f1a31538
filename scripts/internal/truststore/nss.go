package truststore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// nss is a database that browsers on Linux and the BSDs read, changed by NSS's own certutil.
type nss struct {
	database
	host  *Host
	root  *Root // not needed to remove
	state *state
}

func (s *nss) Info() Info {
	byHand := "delete " + NamePrefix + "… at " + s.family.page
	if s.root != nil {
		byHand = s.add().String()
	}
	return Info{s.browser, s.host.short(s.dir), User, byHand}
}

func (s *nss) Restart() string {
	if inUse(s.dir) {
		return s.family.name
	}
	return ""
}

func (s *nss) add() Command {
	return s.certutil("-A", "-t", "C,,", "-n", s.root.Name(), "-i", s.root.File)
}

func (s *nss) exists() bool { return exists(filepath.Join(s.dir, "cert9.db")) }

// Has lets NSS verify the root, and a server's chain too where vfychain is installed.
func (s *nss) Has(ctx context.Context) (bool, error) {
	if !installed("certutil") {
		return false, s.noCertutil()
	}
	if !s.exists() {
		return false, nil
	}
	names, err := s.names(ctx)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, s.root.Name()) { // Firefox's own import appends to the name
			continue
		}
		if _, err := run(ctx, s.certutil("-V", "-u", "L", "-n", name)); err != nil {
			return false, nil
		}
		return s.verifyChain(ctx)
	}
	return false, nil
}

func (s *nss) verifyChain(ctx context.Context) (bool, error) {
	if !installed("vfychain") {
		return true, nil
	}
	tmp, err := os.MkdirTemp("", "trust-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(tmp)
	args := []string{"vfychain", "-d", "sql:" + s.dir, "-u", "1"}
	for i, cert := range strings.SplitAfter(strings.TrimSpace(string(s.root.Proof)), "-----END CERTIFICATE-----\n") {
		file := filepath.Join(tmp, string(rune('0'+i)))
		if err := os.WriteFile(file, []byte(cert), 0o600); err != nil {
			return false, err
		}
		args = append(args, "-a", file)
	}
	_, err = run(ctx, Command{Args: args})
	return err == nil, nil
}

// Add saves a copy of the database before it changes anything, so that Remove can restore the same bytes.
func (s *nss) Add(ctx context.Context) error {
	if _, err := s.Remove(ctx); err != nil { // older roots, or this one without its trust
		return err
	}
	if !s.host.DryRun {
		if err := s.state.keep(s.dir); err != nil {
			return err
		}
	}
	err := s.put(ctx)
	if s.host.DryRun {
		return err
	}
	if err2 := s.state.added(s.dir); err == nil || err2 != nil {
		return errors.Join(err, err2)
	}
	if strings.Contains(err.Error(), "SEC_ERROR_BAD_PASSWORD") ||
		strings.Contains(err.Error(), "SEC_ERROR_TOKEN_NOT_LOGGED_IN") {
		err = &Blocked{"it is protected by a primary password", "run this, which asks for it: " + s.add().String()}
	}
	_, err2 := s.Remove(ctx) // half of it may be done
	return errors.Join(err, err2)
}

func (s *nss) put(ctx context.Context) error {
	if !s.exists() {
		mkdir := Command{Args: []string{"mkdir", "-p", "-m", "700", s.dir}}
		if err := s.host.edit(mkdir.String(), func() error { return os.MkdirAll(s.dir, 0o700) }); err != nil {
			return err
		}
		if err := s.host.change(ctx, s.certutil("-N", "--empty-password")); err != nil {
			return err
		}
	}
	add := s.add()
	add.Args = append(add.Args, "-f", os.DevNull) // a missing password is an error, not a question
	return s.host.change(ctx, add)
}

// Remove restores the bytes from before Add if no program has changed the database since or has it open. Otherwise it
// only deletes our roots.
func (s *nss) Remove(ctx context.Context) (how string, err error) {
	if s.exists() && !installed("certutil") {
		return "", s.noCertutil()
	}
	names, err := s.names(ctx)
	if err != nil {
		return "", err
	}
	if s.state.untouched(s.dir) && !inUse(s.dir) {
		how = "removed: it is what it was before, byte for byte"
		restore := func() error { return s.state.restore(s.dir) }
		if err = s.host.edit("restore "+s.dir+" as it was", restore); err != nil || s.host.DryRun {
			return how, err
		}
		if names, err = s.names(ctx); err != nil {
			return "", err
		}
	}
	for _, name := range names {
		if err := s.host.change(ctx, s.certutil("-D", "-n", name)); err != nil {
			return "", err
		}
		how = "removed: what others have changed in it meanwhile stays"
	}
	if s.host.DryRun {
		return how, nil
	}
	return how, s.state.forget(s.dir)
}
