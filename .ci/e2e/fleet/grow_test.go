package fleet

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// One server with a folder becomes three with a store, by the commands and settings of scripts/deploy/README.md.
func TestOneServerBecomesThreeAsTheREADMESays(t *testing.T) {
	t.Parallel()
	page := string(rig.Read(t, filepath.Join("..", "..", "..", "scripts", "deploy", "README.md")))
	_, page, _ = strings.Cut(page, "### From one server to three")
	page, _, _ = strings.Cut(page, "\n## ")
	commands := regexp.MustCompile(`(?m)^ *\$ (.+)$`).FindAllStringSubmatch(page, -1)
	settings := regexp.MustCompile(`(?m)^ +([A-Z_]+)=(\S+)$`).FindAllStringSubmatch(page, -1)
	if len(commands) != 2 || len(settings) != 4 {
		t.Fatalf("the page has %d commands and %d settings, want 2 and 4:\n%s", len(commands), len(settings), page)
	}
	https, plain := ports(t)
	home := filepath.Join(t.TempDir(), "turnkey")
	f := newFleet(t, home, rig.PebbleOptions{HTTPPort: plain, TLSPort: https})
	first := f.start(https, plain)
	leaf := f.waitFor(patience, nil, first)

	redis := rig.StartRedis(t)
	here := strings.NewReplacer("sudo ", "", "/var/lib/turnkey", home, "acme-*", f.slot(), "redis://default:PASSWORD@10.0.0.5:6379", strings.Replace(redis.URL(), "://:", "://default:", 1))
	rig.Write(t, filepath.Join(home, "jobs", "send+the+news.job"), []byte("2026-11-28T02:00:00Z"), 0o600)
	run(t, here.Replace(commands[0][1]))
	if got := run(t, here.Replace("redis-cli -u redis://default:PASSWORD@10.0.0.5:6379 GET turnkey:jobs/send+the+news.job")); got != "2026-11-28T02:00:00Z\n" {
		t.Errorf("the store has %q for when the job last began, so that it runs again", got)
	}
	for _, s := range settings {
		f.env[s[1]] = strings.NewReplacer("10.0.0.5", "127.0.0.9", "…", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").Replace(here.Replace(s[2]))
	}
	first.Signal(t, syscall.SIGTERM)
	first.ExitCode(t, patience)
	servers := []*server{f.start(https, plain), f.start(ports(t)), f.start(ports(t))}
	if got := f.waitFor(patience, nil, servers...); !got.Equal(leaf) {
		t.Error("the servers have another certificate than the first one had")
	}
	f.wantOrders(1)

	rig.Write(t, filepath.Join(home, "haproxy.cfg"), rig.Read(t, filepath.Join("..", "..", "..", "scripts", "deploy", "haproxy.cfg")), 0o600)
	made := run(t, strings.NewReplacer("sudo tee /etc/haproxy/haproxy.cfg", "cat", " haproxy.cfg", " "+home+"/haproxy.cfg").Replace(commands[1][1]))
	for i := range 3 {
		for _, port := range []int{443, 80} {
			if line := fmt.Sprintf(" server site%d 10.0.0.1%d:%d\n", i+1, i+1, port); strings.Count(made, line) != 1 {
				t.Errorf("the configuration for machines of their own has not one line %q:\n%s", line, made)
			}
		}
	}
	rig.Write(t, filepath.Join(home, "made.cfg"), []byte(made), 0o600)
	run(t, rig.Need(t, "haproxy")+" -c -f "+home+"/made.cfg")
}

func run(t *testing.T, command string) string {
	t.Helper()
	got := rig.Spawn(t, rig.Command{Path: "/bin/bash", Args: []string{"-euo", "pipefail", "-c", command}, Dir: t.TempDir()}).Finish(t, patience)
	if got.ExitCode != 0 {
		t.Fatalf("%s\nended with %d:\n%s%s", command, got.ExitCode, got.Stdout, got.Stderr)
	}
	return got.Stdout
}
