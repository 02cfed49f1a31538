package localca

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names returns the names that a project's development certificate should have: the local ones, this machine's own and
// its private addresses, then extra. Every name is in lower case and occurs once.
func Names(project string, extra []string) []string {
	names := []string{"localhost", project + ".localhost", "host.docker.internal", "127.0.0.1", "::1"}
	if h := hostname(); dnsName(h) {
		names = append(names, h)
		if !strings.Contains(h, ".") {
			names = append(names, h+".local")
		}
	}
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsPrivate() {
			names = append(names, n.IP.String())
		}
	}
	var out []string
	for _, n := range append(names, extra...) {
		if n = strings.ToLower(n); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func hostname() string {
	h, _ := os.Hostname()
	return strings.ToLower(h)
}

// dnsName reports whether a machine's name can be in a certificate. Names with spaces, underscores or apostrophes
// cannot.
func dnsName(s string) bool {
	return s != "" && len(s) < 254 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" &&
		!strings.Contains(s, "..") && !strings.HasPrefix(s, "-") && !strings.HasPrefix(s, ".") &&
		!strings.HasSuffix(s, "-")
}

func certNames(leaf *x509.Certificate) []string {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// Owner is the user who should own files that root makes.
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
		u, err := user.Lookup(getenv(variable))
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
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
				break
			}
			out = append(out, dir)
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

// clockBehind says that the clock is wrong if something older has a later date than now: the commit that this program
// was built from, or a file of the project. It is empty if there is no such date.
func clockBehind(now time.Time, project string) string {
	what, latest := "", now.Add(time.Hour) // file systems and time zones are a little off
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil && at.After(latest) {
				what, latest = "the commit of this program", at
			}
		}
	}
	entries, _ := os.ReadDir(project)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && !e.IsDir() && info.ModTime().After(latest) {
			what, latest = filepath.Join(project, e.Name()), info.ModTime()
		}
	}
	if what == "" {
		return ""
	}
	const format = "2006-01-02 15:04"
	return fmt.Sprintf("your clock says %s, but %s is of %s; set the clock: %s",
		now.Format(format), what, latest.In(now.Location()).Format(format), ClockFix())
}

// ClockFix returns the command that sets this machine's clock.
func ClockFix() string {
	// WSL's clock stops while Windows sleeps (microsoft/WSL#10006).
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	switch {
	case runtime.GOOS == "windows":
		return "w32tm /resync"
	case runtime.GOOS == "darwin":
		return "sudo sntp -sS time.apple.com"
	case bytes.Contains(bytes.ToLower(release), []byte("microsoft")):
		return "sudo hwclock -s (or in Windows: wsl --shutdown)"
	}
	return "sudo timedatectl set-ntp true"
}

// inGit reports whether git tracks a file, and whether its index has the file's present content.
func inGit(file string) (tracked, same bool) {
	path, err := filepath.Abs(file)
	if err != nil || !insideRepository(filepath.Dir(path)) {
		return false, false
	}
	git := func(args ...string) bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		args = append([]string{"--no-optional-locks", "-c", "core.fsmonitor=false", "-C", filepath.Dir(path)}, args...)
		return exec.CommandContext(ctx, "git", append(args, "--", filepath.Base(path))...).Run() == nil
	}
	tracked = git("ls-files", "--error-unmatch")
	return tracked, tracked && git("diff", "--quiet")
}

// insideRepository reports whether a directory is in a git repository, so that git need not be started outside of one.
func insideRepository(dir string) bool {
	if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
		return true
	}
	parent := filepath.Dir(dir)
	return parent != dir && insideRepository(parent)
}
