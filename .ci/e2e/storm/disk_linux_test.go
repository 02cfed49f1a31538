package storm

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// diskScripts mount a disk over the store in a mount namespace of its own, and run a command there.
var diskScripts = map[string]string{
	"full": `mount -t tmpfs -o size=256k,mode=0700 disk "$0.disk" && cp -a "$0/." "$0.disk/" && mount --bind "$0.disk" "$0" &&
		{ dd if=/dev/zero of="$0/filler" bs=4k 2>/dev/null; ! dd if=/dev/zero of="$0/probe" bs=1 count=1 2>/dev/null; } && rm -f "$0/probe" && exec "$@"`,
	"read-only": `mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"`,
}

// onDisk is the command that runs the product with its store on such a disk.
func (s *scene) onDisk(disk string, args ...string) rig.Command {
	s.t.Helper()
	if err := os.MkdirAll(s.cache+".disk", 0o700); err != nil {
		s.t.Fatal(err)
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		s.t.Fatal("unshare is missing: apt-get install util-linux")
	}
	namespace := []string{"--mount", "--propagation=private"}
	if os.Getuid() != 0 {
		namespace = append(namespace, "--user", "--map-root-user")
	}
	var env []string
	for name, value := range s.env {
		env = append(env, name+"="+value)
	}
	return rig.Command{Path: unshare, Dir: s.t.TempDir(), Env: append(env, "PATH="+os.Getenv("PATH"), "HOME="+s.t.TempDir()),
		Args: append(append(namespace, "sh", "-c", diskScripts[disk], s.cache, rig.Binary(s.t)), args...)}
}

// The server crashes in a loop while its disk is full or read-only. It serves the certificate that it can read, and
// orders nothing, because it could not record an attempt.
func TestRestartWithAFullOrReadOnlyDisk(t *testing.T) {
	for disk, words := range map[string]string{"full": "no space left on device", "read-only": "read-only file system"} {
		t.Run(disk, func(t *testing.T) {
			t.Parallel()
			const life = 30 * time.Second // due while the disk is bad
			s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": life}}, nil)
			p := s.start()
			leaf := s.served(shop)
			s.kept(shop + ".pem")
			s.goneFrom(shop + ".order") // the server removes it last, and on a full disk that would free space
			p.Signal(t, syscall.SIGKILL)
			p.ExitCode(t, patience)

			check := rig.Spawn(t, s.onDisk(disk, "check")).Finish(t, patience)
			if check.ExitCode != 0 || !strings.Contains(check.Stdout, "note: ACME_CACHE="+s.cache+" cannot be written: "+words) {
				t.Errorf("check = %d, want a note that says %q:\n%s%s", check.ExitCode, words, check.Stdout, check.Stderr)
			}
			var last *rig.Product
			for range 3 { // starts of a crash loop
				last = &rig.Product{Process: rig.Spawn(t, s.onDisk(disk))}
				if got := s.served(shop); !got.Equal(leaf) {
					t.Error("another certificate is served")
				}
				line := s.errorLine(last, "nothing is ordered or renewed")
				if !strings.Contains(fmt.Sprint(line), words) {
					t.Errorf("the log line does not say %q: %v", words, line)
				}
				if status, body := s.readyz(); status != 200 {
					t.Errorf("/readyz = %d %s with a valid certificate", status, body)
				}
				last.Signal(t, syscall.SIGKILL)
				last.ExitCode(t, patience)
			}
			last = &rig.Product{Process: rig.Spawn(t, s.onDisk(disk))}
			s.served(shop)
			time.Sleep(time.Until(leaf.NotAfter.Add(-life / 4))) // it has been due for a quarter of its life
			s.wantOrders(1)
			if lines := last.Logged(func(line map[string]any) bool { return line["level"] == "ERROR" }); len(lines) != 1 {
				t.Errorf("%d error lines while nothing changed, want 1: %v", len(lines), lines)
			}
			// With an expired certificate there is nothing to serve, and the start is refused.
			last.Signal(t, syscall.SIGTERM)
			last.ExitCode(t, patience)
			time.Sleep(time.Until(leaf.NotAfter.Add(time.Second)))
			refused := rig.Spawn(t, s.onDisk(disk, "check")).Finish(t, patience)
			if refused.ExitCode != 1 || !strings.Contains(refused.Stderr, "ACME_CACHE") || !strings.Contains(refused.Stderr, words) {
				t.Errorf("check = %d with nothing to serve, want a fault:\n%s", refused.ExitCode, refused.Stderr)
			}
			s.wantOrders(1)
		})
	}
}

// When the disk has space again, the server orders without a restart.
func TestOrderingResumesWhenTheDiskHasSpace(t *testing.T) {
	t.Parallel()
	s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": 60 * time.Second}}, nil)
	p := s.start()
	leaf := s.served(shop)
	s.kept(shop + ".pem")
	s.goneFrom(shop + ".order") // the server removes it last, and on a full disk that would free space
	p.Signal(t, syscall.SIGKILL)
	p.ExitCode(t, patience)
	p = &rig.Product{Process: rig.Spawn(t, s.onDisk("full"))}
	s.served(shop)
	s.errorLine(p, "nothing is ordered or renewed")
	time.Sleep(time.Until(leaf.NotAfter.Add(-25 * time.Second))) // past the moment when it is due
	s.wantOrders(1)
	if err := os.Remove(filepath.Join("/proc", fmt.Sprint(p.PID()), "root", s.cache, "filler")); err != nil {
		t.Fatal(err)
	}
	p.Signal(t, syscall.SIGHUP)
	s.served(shop, leaf)
	s.wantOrders(2)
	if _, err := rig.Handshake(rig.Loopback(s.https), &tls.Config{ServerName: shop, RootCAs: s.pebble.Roots(t)}); err != nil {
		t.Error(err)
	}
}
