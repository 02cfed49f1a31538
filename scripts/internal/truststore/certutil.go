package truststore

import (
	"context"
	"os"
	"regexp"
	"strings"
)

// certutil returns a call of NSS's certutil on the database.
func (s *nss) certutil(args ...string) Command {
	return Command{Args: append(append([]string{"certutil"}, args...), "-d", "sql:"+s.dir)}
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

// certutilPackages maps the name of a distribution in /etc/os-release to the command that installs certutil.
var certutilPackages = []struct{ id, install string }{
	{"debian", "sudo apt install libnss3-tools"},
	{"ubuntu", "sudo apt install libnss3-tools"},
	{"fedora", "sudo dnf install nss-tools"},
	{"rhel", "sudo dnf install nss-tools"},
	{"arch", "sudo pacman -S nss"},
	{"suse", "sudo zypper install mozilla-nss-tools"},
	{"opensuse", "sudo zypper install mozilla-nss-tools"},
	{"alpine", "sudo apk add nss-tools"},
	{"nixos", "nix-shell -p nssTools"},
}

// certutilPackage returns the command for the system that an os-release file describes.
func certutilPackage(osRelease string) string {
	ids := map[string]bool{}
	for line := range strings.Lines(osRelease) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key == "ID" || key == "ID_LIKE" {
			for _, id := range strings.Fields(strings.Trim(value, `"'`)) {
				ids[id] = true
			}
		}
	}
	for _, p := range certutilPackages {
		if ids[p.id] {
			return p.install
		}
	}
	return "install the package with NSS's certutil (nss-tools, libnss3-tools or nss)"
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
