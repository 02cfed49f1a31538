package deploy

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// unit is a systemd unit with its drop-ins: the values of each setting.
type unit map[string][]string

// readUnit reads as systemd does: a later file adds values, and an empty value removes earlier ones (systemd.unit(5)).
// Specifiers and the product's path become those of the test.
func readUnit(t *testing.T, replace map[string]string, files ...string) unit {
	t.Helper()
	u := unit{}
	for _, file := range files {
		for line := range strings.Lines(string(rig.Read(t, filepath.Join(root, "scripts", "deploy", file)))) {
			name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			switch {
			case strings.HasPrefix(name, "#") || !ok:
			case value == "":
				delete(u, name)
			default:
				for from, to := range replace {
					value = strings.ReplaceAll(value, from, to)
				}
				u[name] = append(u[name], value)
			}
		}
	}
	return u
}

// one is the value of a setting that has exactly one.
func (u unit) one(t *testing.T, name string) string {
	t.Helper()
	if len(u[name]) != 1 {
		t.Fatalf("%s has the values %q, want one", name, u[name])
	}
	return u[name][0]
}

// rights is a command that runs another one with the rights of the unit: an unprivileged user, the unit's capabilities
// only, its umask.
func (u unit) rights(t *testing.T) []string {
	t.Helper()
	capabilities := func(setting string) string {
		out := []string{"-all"}
		for _, value := range u[setting] {
			for name := range strings.FieldsSeq(value) {
				out = append(out, "+"+strings.ToLower(strings.TrimPrefix(name, "CAP_")))
			}
		}
		return strings.Join(out, ",")
	}
	if got := u.one(t, "DynamicUser"); got != "yes" {
		t.Fatalf("DynamicUser=%s: the service would run as root", got)
	}
	command := []string{"setpriv", "--reuid=" + uid, "--regid=" + uid, "--clear-groups", "--bounding-set=" + capabilities("CapabilityBoundingSet"),
		"--inh-caps=" + capabilities("AmbientCapabilities"), "--ambient-caps=" + capabilities("AmbientCapabilities"), "--pdeathsig=KILL"}
	if u.one(t, "NoNewPrivileges") == "yes" {
		command = append(command, "--no-new-privs")
	}
	return append(command, "sh", "-c", "umask "+u.one(t, "UMask")+`; exec "$@"`, "sh")
}

// uid is in the range that systemd uses for DynamicUser=.
const uid = "64123"

// filter is a command under which each system call outside the unit's filter fails with the unit's error.
func (u unit) filter(t *testing.T) []string {
	t.Helper()
	allowed := map[string]bool{}
	for _, value := range u["SystemCallFilter"] {
		value, refused := strings.CutPrefix(value, "~")
		for group := range strings.FieldsSeq(value) {
			for _, call := range calls(t, group) {
				if refused {
					delete(allowed, call)
				} else {
					allowed[call] = true
				}
			}
		}
	}
	if len(allowed) < 100 || allowed["reboot"] || !allowed["accept4"] {
		t.Fatalf("%d system calls are allowed, which cannot be", len(allowed))
	}
	names := []string{}
	for call := range allowed {
		names = append(names, "?"+call) // some do not exist on this architecture
	}
	slices.Sort(names)
	// With -D strace is the child and the service the parent, so that the service can end before strace does.
	return []string{"strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "signal=none",
		"-e", "inject=!" + strings.Join(names, ",") + ":error=" + u.one(t, "SystemCallErrorNumber")}
}

// calls are the system calls of one of systemd's groups, including the groups that it contains.
func calls(t *testing.T, group string) (out []string) {
	t.Helper()
	for line := range strings.Lines(run(t, "", "systemd-analyze", "syscall-filter", "--no-pager", group)) {
		switch name := strings.TrimSpace(line); {
		case name == "" || name == group || strings.HasPrefix(name, "#"):
		case strings.HasPrefix(name, "@"):
			out = append(out, calls(t, name)...)
		default:
			out = append(out, name)
		}
	}
	return out
}
