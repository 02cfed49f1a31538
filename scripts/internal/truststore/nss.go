package truststore

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// nss is a database that browsers on Linux and the BSDs read, changed by NSS's own certutil.
type nss struct {
	machine
	database
	record *record
}

func (s *nss) Info() Info {
	byHand := "delete " + NamePrefix + "… at " + s.family.page
	if s.root != nil {
		byHand = s.add().String()
	}
	return Info{s.browser, s.short(s.dir), User, byHand}
}

func (s *nss) Restart() string {
	if inUse(s.dir) {
		return s.family.name
	}
	return ""
}

// certutil returns a call of NSS's certutil on the database.
func (s *nss) certutil(args ...string) command {
	return command{args: slices.Concat([]string{"certutil"}, args, []string{"-d", "sql:" + s.dir})}
}

func (s *nss) add() command {
	return s.certutil("-A", "-t", "C,,", "-n", s.root.Name(), "-i", s.root.File)
}

func (s *nss) exists() bool { return exists(filepath.Join(s.dir, "cert9.db")) }

// Has lets NSS verify the root, and a server's chain too where vfychain is installed.
func (s *nss) Has(ctx context.Context) (bool, error) {
	if !installed("certutil") {
		return false, s.noCertutil()
	}
	names, err := s.names(ctx)
	// Firefox's own import appends to the name.
	i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, s.root.Name()) })
	if err != nil || i < 0 {
		return false, err
	}
	if _, err := run(ctx, s.certutil("-V", "-u", "L", "-n", names[i])); err != nil {
		return false, nil
	}
	return s.verifyChain(ctx)
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
	for block, rest := pem.Decode(s.root.Proof); block != nil; block, rest = pem.Decode(rest) {
		file := filepath.Join(tmp, fmt.Sprint(len(args)))
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return false, err
		}
		args = append(args, "-a", file)
	}
	_, err = run(ctx, command{args: args})
	return err == nil, nil
}

var listing = regexp.MustCompile(`(?m)^(` + regexp.QuoteMeta(NamePrefix) + `.*\S) +[a-zA-Z]*,[a-zA-Z]*,[a-zA-Z]*\s*$`)

// names returns the nicknames of our roots in the database.
func (s *nss) names(ctx context.Context) (names []string, err error) {
	if !s.exists() {
		return nil, nil
	}
	out, err := run(ctx, s.certutil("-L"))
	for _, m := range listing.FindAllStringSubmatch(out, -1) {
		names = append(names, m[1])
	}
	return names, err
}

// Add saves a copy of the database before it changes anything, so that Remove can restore the same bytes.
func (s *nss) Add(ctx context.Context) error {
	if _, err := s.Remove(ctx); err != nil { // older roots, or this one without its trust
		return err
	}
	if s.DryRun {
		return s.put(ctx)
	}
	if err := s.record.keep(s.dir); err != nil {
		return err
	}
	err := s.put(ctx)
	if err2 := s.record.added(s.dir); err == nil || err2 != nil {
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
		mkdir := command{args: []string{"mkdir", "-p", "-m", "700", s.dir}}
		if err := s.edit(mkdir.String(), func() error { return os.MkdirAll(s.dir, 0o700) }); err != nil {
			return err
		}
		if err := s.change(ctx, s.certutil("-N", "--empty-password")); err != nil {
			return err
		}
	}
	add := s.add()
	add.args = append(add.args, "-f", os.DevNull) // a missing password is an error, not a question
	return s.change(ctx, add)
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
	if s.record.untouched(s.dir) {
		how = "removed: it is what it was before, byte for byte"
		restore := func() error { return s.record.restore(s.dir) }
		if err = s.edit("restore "+s.dir+" as it was", restore); err != nil || s.DryRun {
			return how, err
		}
		if names, err = s.names(ctx); err != nil {
			return "", err
		}
	}
	for _, name := range names {
		if err := s.change(ctx, s.certutil("-D", "-n", name)); err != nil {
			return "", err
		}
		how = "removed: what others have changed in it meanwhile stays"
	}
	if s.DryRun {
		return how, nil
	}
	return how, s.record.forget(s.dir)
}

func (s *nss) noCertutil() error {
	osRelease, _ := os.ReadFile("/etc/os-release")
	next := certutilPackage(string(osRelease)) + ", then: make untrust"
	if s.root != nil {
		next = certutilPackage(string(osRelease)) + ", then: make trust; or import " + s.root.File + " by hand at " +
			s.family.page
	}
	return &Blocked{"the program certutil is not installed", next}
}

// certutilPackages maps names of distributions in /etc/os-release to the command that installs certutil.
var certutilPackages = []struct{ ids, install string }{
	{"debian ubuntu", "sudo apt install libnss3-tools"},
	{"fedora rhel", "sudo dnf install nss-tools"},
	{"arch", "sudo pacman -S nss"},
	{"suse opensuse", "sudo zypper install mozilla-nss-tools"},
	{"alpine", "sudo apk add nss-tools"},
	{"nixos", "nix-shell -p nssTools"},
}

// certutilPackage returns the command for the system that an os-release file describes.
func certutilPackage(osRelease string) string {
	var ids []string
	for line := range strings.Lines(osRelease) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key == "ID" || key == "ID_LIKE" {
			ids = append(ids, strings.Fields(strings.Trim(value, `"'`))...)
		}
	}
	for _, p := range certutilPackages {
		if slices.ContainsFunc(strings.Fields(p.ids), func(id string) bool { return slices.Contains(ids, id) }) {
			return p.install
		}
	}
	return "install the package with NSS's certutil (nss-tools, libnss3-tools or nss)"
}

// unstarted is a Firefox without a profile and so without a database. Only Firefox can make a profile.
type unstarted struct{ stateless }

func (unstarted) Info() Info {
	return Info{"Firefox", "no profile yet", User, "start Firefox once"}
}
func (unstarted) Remove(context.Context) (string, error) { return "", nil }
func (unstarted) Add(context.Context) error              { return nil }
func (unstarted) Has(context.Context) (bool, error) {
	return false, &Blocked{"it was never started, and trust is kept in its profile",
		"start Firefox once, then: make trust"}
}
