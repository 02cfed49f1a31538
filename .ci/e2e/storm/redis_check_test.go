package storm

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// check writes a key as large as a certificate, and says why a server refuses it.
func TestCheckRejectsRedisThatCannotStoreACertificate(t *testing.T) {
	t.Parallel()
	const password = "hush/#%:@?"
	const encoded = "hush%2F%23%25%3A%40%3F"
	for _, test := range []struct {
		name string
		args []string // of the server
		url  string   // %d is its port
		want []string // nil: in order
	}{
		{"one without a password", nil, "redis://127.0.0.1:%d/0", nil},
		{"the same by its other name", nil, "valkey://127.0.0.1:%d/0", nil},
		{"a password with every character", []string{"--requirepass", password}, "redis://:" + encoded + "@127.0.0.1:%d/0", nil},
		{"another database", nil, "redis://127.0.0.1:%d/3", nil},
		{"a user that may write here alone", []string{"--user", "shop", "on", ">" + password, "~turnkey:*", "+select", "+get", "+set", "+del", "+rename", "+eval",
			"+pexpire", "+zadd", "+zrange", "+zrangebyscore"},
			"redis://shop:" + encoded + "@127.0.0.1:%d", nil},
		{"a user that only reads", []string{"--user", "shop", "on", ">" + password, "~*", "+@read"},
			"redis://shop:" + encoded + "@127.0.0.1:%d/0", []string{"does not let this user read and write (NOPERM)", "ACL SETUSER"}},
		{"a user that may write and not read", []string{"--user", "shop", "on", ">" + password, "~turnkey:*", "+set", "+del"},
			"redis://shop:" + encoded + "@127.0.0.1:%d/0", []string{"(NOPERM)", "+get"}},
		{"a user with other keys", []string{"--user", "shop", "on", ">" + password, "~other:*", "+@all"},
			"redis://shop:" + encoded + "@127.0.0.1:%d/0", []string{"(NOPERM)", "~turnkey:*"}},
		{"a wrong password", []string{"--requirepass", password}, "redis://:hush@127.0.0.1:%d/0", []string{"refuses the password (WRONGPASS)", "%2F for /"}},
		{"no password where one is asked for", []string{"--requirepass", password}, "redis://127.0.0.1:%d/0", []string{"asks for a password (NOAUTH)", "user:password@"}},
		{"a password where none is set", nil, "redis://:hush@127.0.0.1:%d/0", []string{"it has none set", "requirepass"}},
		{"a replica", []string{"--replicaof", "127.0.0.1", "1"}, "redis://127.0.0.1:%d/0", []string{"only reads (READONLY)", "name the primary"}},
		{"no memory left", []string{"--maxmemory", "1"}, "redis://127.0.0.1:%d/0", []string{"no memory left (OOM)", "maxmemory"}},
		{"too few replicas", []string{"--min-replicas-to-write", "1"}, "redis://127.0.0.1:%d/0", []string{"(NOREPLICAS)"}},
		{"a cluster", []string{"--cluster-enabled", "yes"}, "redis://127.0.0.1:%d/0", []string{"(CLUSTERDOWN)", "cluster"}},
		{"a database that it has not", []string{"--databases", "1"}, "redis://127.0.0.1:%d/3", []string{"no database of this number"}},
		{"TLS to a plain port", nil, "rediss://:hush@127.0.0.1:%d/0", []string{"this port speaks no TLS", "write redis:// in place of rediss://"}},
		{"TLS to a plain port, by its other name", nil, "valkeys://:hush@127.0.0.1:%d/0", []string{"write valkey:// in place of valkeys://"}},
		{"TLS to a plain port with a password", []string{"--requirepass", password}, "rediss://:" + encoded + "@127.0.0.1:%d/0", []string{"this port speaks no TLS"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			port := rig.Port(t)
			args := test.args
			if slices.Contains(args, "--cluster-enabled") {
				// The default is the port plus 10,000, which another test may use.
				args = append(args, "--cluster-port", fmt.Sprint(rig.Port(t)))
			}
			rig.SpawnRedis(t, port, args...)
			wantStore(t, fmt.Sprintf(strings.ReplaceAll(strings.ReplaceAll(test.url, "%", "%%"), "%%d", "%d"), port), nil, test.want)
			if test.args == nil && test.want == nil {
				if left := ask(t, port, "DBSIZE"); left != ":0\r\n" {
					t.Errorf("keys are left behind: %s", left)
				}
			}
		})
	}
}

// A server that is set up as a cache takes certificates, and may drop them.
func TestCheckWarnsOfRedisThatDropsKeys(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]bool{"allkeys-lru": true, "volatile-lru": false} {
		port := rig.Port(t)
		rig.SpawnRedis(t, port, "--maxmemory-policy", policy)
		got := rig.Run(t, t.TempDir(), rig.Env{"ENV": "prod", "DOMAINS": shop, "HTTPS_ADDR": "127.0.0.1:0",
			"HTTP_ADDR": "127.0.0.1:0", "ACME_CACHE": fmt.Sprintf("redis://127.0.0.1:%d", port)}, "check")
		if got.ExitCode != 0 || strings.Contains(got.Stdout, "note: the server of ACME_CACHE drops any key") != want {
			t.Errorf("%s: check ended with %d, want a note: %v\n%s%s", policy, got.ExitCode, want, got.Stdout, got.Stderr)
		}
	}
}

// A Redis server that cannot save to its disk refuses writes.
func TestCheckRejectsRedisThatCannotSave(t *testing.T) {
	t.Parallel()
	port, dir := rig.Port(t), filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	rig.SpawnRedis(t, port, "--save", "3600 1", "--dir", dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	tell(t, port, "SET other 1", "+OK")
	tell(t, port, "BGSAVE", "+")
	rig.Eventually(t, patience, "a save that failed", func() bool { return strings.HasPrefix(ask(t, port, "SET other 2"), "-MISCONF") })
	wantStore(t, fmt.Sprintf("redis://127.0.0.1:%d/0", port), nil, []string{"does not write (MISCONF)", "look at the server's log"})
}

func TestCheckReachesRedisOverTLS(t *testing.T) {
	t.Parallel()
	options, root := rig.RedisTLS(t)
	open := func(clients string) int {
		port := rig.Port(t)
		rig.SpawnRedis(t, port, slices.Concat(options, []string{"--port", "0", "--tls-port", fmt.Sprint(port),
			"--tls-auth-clients", clients, "--requirepass", "hush"})...)
		return port
	}
	port, strict := open("no"), open("yes")
	trusted := rig.Env{"ACME_CACHE_CA_FILE": root}
	for url, want := range map[string][]string{
		fmt.Sprintf("rediss://:hush@127.0.0.1:%d/0", port):   nil,
		fmt.Sprintf("valkeys://:hush@127.0.0.1:%d/0", port):  nil,
		fmt.Sprintf("rediss://:hush@127.0.0.1:%d/0", strict): {"ends the TLS handshake", "tls-auth-clients no"},
		fmt.Sprintf("rediss://:wrong@127.0.0.1:%d/0", port):  {"WRONGPASS"},
	} {
		wantStore(t, url, trusted, want)
	}
	for url, want := range map[string][]string{
		fmt.Sprintf("redis://:hush@127.0.0.1:%d/0", port):   {"this port speaks TLS", "write rediss:// in place of redis://"},
		fmt.Sprintf("valkey://:hush@127.0.0.1:%d/0", port):  {"this port speaks TLS", "write valkeys:// in place of valkey://"},
		fmt.Sprintf("redis://:hush@127.0.0.1:%d/0", strict): {"this port speaks TLS"},
	} {
		wantStore(t, url, nil, want)
	}
	url, untrusted := fmt.Sprintf("rediss://:hush@127.0.0.1:%d/0", port), []string{"certificate is not trusted", "ACME_CACHE_CA_FILE"}
	wantStore(t, url, rig.Env{"SSL_CERT_FILE": root}, nil) // the system's roots
	wantStore(t, url, nil, untrusted)
	other := filepath.Join(t.TempDir(), "other.pem")
	rig.Write(t, other, rig.NewCA(t, "other").RootPEM(), 0o644)
	wantStore(t, url, rig.Env{"ACME_CACHE_CA_FILE": other, "SSL_CERT_FILE": root}, untrusted)
}

// wantStore runs `check` with a store. Without words the store must be accepted. With words they must be printed, and
// no password.
func wantStore(t *testing.T, url string, env rig.Env, want []string) {
	t.Helper()
	got := rig.Run(t, t.TempDir(), rig.Env{"ENV": "prod", "DOMAINS": shop, "HTTPS_ADDR": "127.0.0.1:0", "HTTP_ADDR": "127.0.0.1:0",
		"ACME_CACHE": url}.With(env), "check")
	out := got.Stdout + got.Stderr
	code := 0
	if want != nil {
		code = 1
	}
	if got.ExitCode != code || strings.Contains(out, "hush") || strings.Contains(out, "wrong@") {
		t.Errorf("%s: exit status %d, want %d and no password:\n%s", url, got.ExitCode, code, out)
	}
	if want == nil {
		want = []string{"note: ACME_CACHE: written and read back in "}
	}
	for _, words := range want {
		if !strings.Contains(out, words) {
			t.Errorf("%s: no %q in:\n%s", url, words, out)
		}
	}
}

// ask sends one command to a server without a password, and returns its first line.
func ask(t *testing.T, port int, command string) string {
	t.Helper()
	conn, err := net.Dial("tcp", rig.Loopback(port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s\r\n", command)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func tell(t *testing.T, port int, command, want string) {
	t.Helper()
	if got := ask(t, port, command); !strings.HasPrefix(got, want) {
		t.Fatalf("%s: got %q", command, got)
	}
}
