package acme

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// An unprivileged user gets faults that root never gets. Run by root, the test starts the product as another user.
func TestUnprivilegedUserIsToldWhatIsMissing(t *testing.T) {
	t.Parallel()
	var nobody *rig.User
	if os.Getuid() == 0 {
		nobody = &rig.User{UID: 65534, GID: 65534}
	}
	unprivileged := func(t *testing.T) {
		first, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
		if n, _ := strconv.Atoi(strings.TrimSpace(string(first))); err == nil && n <= 443 {
			t.Skipf("every user may open ports from %d here", n)
		}
	}
	reachable := func(t *testing.T) string {
		dir := t.TempDir()
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}

	t.Run("a privileged port", func(t *testing.T) {
		t.Parallel()
		unprivileged(t)
		for _, command := range []string{"serve", "check"} {
			got := rig.RunAs(t, nobody, reachable(t), rig.Env{"HTTPS_ADDR": "127.0.0.1:443", "HTTP_ADDR": "127.0.0.1:0"}, command)
			if got.ExitCode != 1 {
				t.Errorf("exit status = %d, want 1", got.ExitCode)
			}
			wantFault(t, command, got.Stderr, []string{`HTTPS_ADDR="127.0.0.1:443"`, "port below 1024", "AmbientCapabilities=CAP_NET_BIND_SERVICE", "setcap cap_net_bind_service=+ep"})
		}
	})
	t.Run("the default of an address that cannot be read is not tried", func(t *testing.T) {
		t.Parallel()
		unprivileged(t)
		dir := reachable(t)
		if err := os.Chmod(dir, 0o777); err != nil { // so that the fault is not about the directory of certificates
			t.Fatal(err)
		}
		env := rig.Env{"ENV": "prod", "DOMAINS": shop, "HTTPS_ADDR": "127.0.0.1:0", "HTTP_ADDR": "80"}
		got := rig.RunAs(t, nobody, dir, env, "check")
		wantFault(t, "check", got.Stderr, []string{`HTTP_ADDR="80"`, "host:port"})
		if want := "1 thing is wrong"; !strings.Contains(got.Stderr, want) {
			t.Errorf("stderr does not say %q:\n%s", want, got.Stderr)
		}
	})
	t.Run("a cache that belongs to another user", func(t *testing.T) {
		t.Parallel()
		dir := reachable(t)
		cache := filepath.Join(dir, "acme")
		if err := os.Mkdir(cache, 0o555); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"serve", "check"} {
			got := rig.RunAs(t, nobody, dir, anyPort.With(rig.Env{"ENV": "prod", "DOMAINS": shop, "ACME_CACHE": "acme"}), command)
			if got.ExitCode != 1 {
				t.Errorf("exit status = %d, want 1", got.ExitCode)
			}
			wantFault(t, command, got.Stderr, []string{`ACME_CACHE="acme"`, "permission denied", "this user can write"})
		}
	})
}
