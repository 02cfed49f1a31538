package localca

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// Owner is the user who shall own files that root makes.
type Owner struct {
	UID, GID int
	home     string
}

// Invoker returns the user who runs this program by sudo or doas. It is nil without them. A CA in root's home would be
// a second one that no browser of the user trusts, and at the next start the user could not replace root's files.
func Invoker(getenv func(string) string) *Owner {
	if os.Getuid() != 0 {
		return nil
	}
	for _, variable := range []string{"SUDO_USER", "DOAS_USER"} {
		name := getenv(variable)
		if name == "" || name == "root" {
			continue
		}
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return &Owner{uid, gid, u.HomeDir}
		}
	}
	return nil
}

// missing returns the directories that os.MkdirAll would make for dirs.
func missing(dirs ...string) []string {
	var out []string
	for _, dir := range dirs {
		for {
			if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
				break
			}
			out = append(out, dir)
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return out
}

// take gives paths to the owner. It skips those that do not exist, and does not follow links.
func (o *Owner) take(paths []string) error {
	if o == nil {
		return nil
	}
	var errs []error
	for _, path := range paths {
		if err := os.Lchown(path, o.UID, o.GID); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
