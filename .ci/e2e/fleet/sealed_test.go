package fleet

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// Three keys, as openssl rand -base64 32 makes them.
var first, second, third = key(1), key(2), key(3)

func key(n byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune('A'+n)), 32)))
}

// dump has the server save its memory, and returns the file as it is on the disk.
func dump(t *testing.T, redis *rig.Redis) string {
	t.Helper()
	redis.Ask(t, "CONFIG SET rdbcompression no")
	redis.Ask(t, "SAVE")
	dir := strings.Split(redis.Ask(t, "CONFIG GET dir"), "\r\n")
	data, err := os.ReadFile(filepath.Join(dir[len(dir)-3], "dump.rdb")) // before the answer to QUIT, and an empty end
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// An attacker has a dump of the store: from the moments when the answer to a challenge and the key of the order are in it,
// and from afterwards.
func TestADumpOfASealedStoreHasNoPrivateKey(t *testing.T) {
	t.Parallel()
	secret := regexp.MustCompile(`PRIVATE KEY|"(finalize|key|failures|settings)":`)
	for name, key := range map[string]string{"sealed": first, "not sealed": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			https, plain := ports(t)
			redis := rig.StartRedis(t)
			f := newFleet(t, redis.URL(), rig.PebbleOptions{HTTPPort: plain, TLSPort: https})
			f.env["ACME_CACHE_KEY"] = key
			var mu sync.Mutex
			dumps := map[string]string{}
			f.pebble.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
				when, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
				if when == "chalZ" || when == "finalize-order" {
					mu.Lock()
					defer mu.Unlock()
					dumps[when] = dump(t, redis)
				}
				return false
			})
			servers := []*server{f.start(https, 0), f.start(rig.Port(t), 0)}
			leaf := f.waitFor(patience, nil, servers...)
			f.wantOrders(1)
			rig.Eventually(t, patience, "the certificate in the store", func() bool {
				return !strings.HasPrefix(redis.Ask(t, "GET turnkey:"+f.slot()+"/"+shop+".pem"), "+OK\r\n$-1")
			})
			mu.Lock()
			defer mu.Unlock()
			dumps["afterwards"] = dump(t, redis)
			if len(dumps) != 3 || !strings.Contains(dumps["chalZ"], shop+".alpn") ||
				!strings.Contains(dumps["finalize-order"], shop+".order") || !strings.Contains(dumps["afterwards"], shop+".pem") {
				t.Fatalf("there are %d dumps, or one has not what it is for", len(dumps))
			}
			for when, data := range dumps {
				found := secret.FindAllString(data, -1)
				t.Logf("%s: %d bytes, with %d secrets", when, len(data), len(found))
				if (key == "") != (len(found) > 0) {
					t.Errorf("%s: a dump has %q", when, found)
				}
			}
			looked := 0
			for _, name := range strings.Fields(redis.Ask(t, "KEYS turnkey:"+f.slot()+"/*")) {
				if !regexp.MustCompile(`^turnkey:.*\.(key|pem|json|order|alpn)$`).MatchString(name) {
					continue // of the protocol of Redis, or of a lock
				}
				looked++
				if value := redis.Ask(t, "GET "+name); strings.Contains(value, "\r\nsealed:v1:") != (key != "") {
					t.Errorf("whether %s is sealed is not as it should be", name)
				}
			}
			if looked < 4 {
				t.Errorf("the store has %d values, want account, certificate, record and session tickets", looked)
			}
			line := base64.StdEncoding.EncodeToString(leaf.Raw)[:64]
			if strings.Contains(dumps["afterwards"], line) != (key == "") {
				t.Errorf("whether the dump has the certificate is not as it should be")
			}
		})
	}
}

// values are all that the store has, but locks, fences and the order of changes.
func values(t *testing.T, redis *rig.Redis, slot string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, file := range []string{"account.key", shop + ".pem", shop + ".json"} {
		if value := redis.Ask(t, "GET turnkey:"+slot+"/"+file); !strings.Contains(value, "$-1\r\n") {
			out[file] = value
		}
	}
	return out
}

// ids are those of the keys with which values are sealed; - for one without.
func ids(values map[string]string) []string {
	var out []string
	for _, value := range values {
		found := regexp.MustCompile(`\r\nsealed:v1:([0-9a-f]{8}):`).FindStringSubmatch(value)
		out = append(out, append(found, "-", "-")[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// A site begins without a key, gets one, gets another, and drops the first. It keeps its account and its certificate.
func TestTheKeyOfAStoreIsChanged(t *testing.T) {
	t.Parallel()
	for name, cache := range map[string]func() (string, *rig.Redis){
		"Redis":    func() (string, *rig.Redis) { r := rig.StartRedis(t); return r.URL(), r },
		"a folder": func() (string, *rig.Redis) { return filepath.Join(t.TempDir(), "acme"), nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			https, plain := ports(t)
			where, redis := cache()
			f := newFleet(t, where, rig.PebbleOptions{HTTPPort: plain, TLSPort: https})
			s := f.start(https, plain)
			leaf := f.waitFor(patience, nil, s)
			seen := map[string]bool{}
			for _, keys := range []string{first, second + "," + first, second} {
				s.Signal(t, syscall.SIGTERM)
				s.ExitCode(t, patience)
				f.env["ACME_CACHE_KEY"] = keys
				if keys != second {
					f.wantCheck(0, "ACME_CACHE: of the values of this site, ")
				}
				s = f.start(https, plain)
				if got := f.waitFor(patience, nil, s); !got.Equal(leaf) {
					t.Error("another certificate is served")
				}
				rig.Eventually(t, patience, "check to count nothing", func() bool {
					return !strings.Contains(f.check().Stdout, "of the values of this site")
				})
				f.wantCheck(0)
				if redis != nil {
					now := ids(values(t, redis, f.slot()))
					if len(now) != 1 || now[0] == "-" || seen[now[0]] != (keys == second) {
						t.Errorf("the values are sealed with %q", now)
					}
					seen[now[0]] = true
				}
			}
			f.wantOrders(1)
		})
	}
}

// check runs it in the environment of a server.
func (f *fleet) check() rig.Result {
	return rig.Run(f.t, f.t.TempDir(), f.env.With(rig.Env{"HTTPS_ADDR": "127.0.0.1:0", "HTTP_ADDR": "off"}), "check")
}

func (f *fleet) wantCheck(code int, words ...string) {
	f.t.Helper()
	got := f.check()
	if got.ExitCode != code {
		f.t.Errorf("check ended with %d, want %d:\n%s%s", got.ExitCode, code, got.Stdout, got.Stderr)
	}
	for _, w := range words {
		if !strings.Contains(got.Stdout+got.Stderr, w) {
			f.t.Errorf("check does not say %q:\n%s%s", w, got.Stdout, got.Stderr)
		}
	}
}

// A server is deployed with a wrong key, and one without any.
func TestAServerWithAWrongKeyOrdersAndChangesNothing(t *testing.T) {
	t.Parallel()
	https, plain := ports(t)
	redis := rig.StartRedis(t)
	f := newFleet(t, redis.URL(), rig.PebbleOptions{HTTPPort: plain, TLSPort: https})
	f.env["ACME_CACHE_KEY"] = first
	s := f.start(https, plain)
	leaf := f.waitFor(patience, nil, s)
	var before map[string]string
	rig.Eventually(t, patience, "account, certificate and record in the store", func() bool {
		before = values(t, redis, f.slot())
		return len(before) == 3
	})
	time.Sleep(time.Second) // it has written what it wanted to
	before = values(t, redis, f.slot())
	id := ids(before)
	if len(id) != 1 {
		t.Fatalf("the values are sealed with %q, want one key", id)
	}
	requests := len(f.pebble.Exchanges())
	for name, keys := range map[string]string{"a wrong key": third, "none": ""} {
		f.env["ACME_CACHE_KEY"] = keys
		wrong := f.start(ports(t))
		rig.Eventually(t, patience, "an ERROR with the id", func() bool {
			return len(wrong.Logged(func(line map[string]any) bool {
				return line["level"] == "ERROR" && strings.Contains(fmt.Sprint(line["error"]), id[0])
			})) > 0
		})
		wrong.Signal(t, syscall.SIGHUP) // it tries at once
		time.Sleep(5 * time.Second)     // it has looked for changes, too
		if answer, err := http.Get("http://" + rig.Loopback(wrong.http) + "/readyz"); err != nil ||
			answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: /readyz answers %v (%v), want 503", name, answer, err)
		}
		f.wantCheck(1, "ACME_CACHE_KEY", "is sealed with the key "+id[0])
		wrong.Signal(t, syscall.SIGTERM)
		wrong.ExitCode(t, patience)
	}
	if got := len(f.pebble.Exchanges()); got != requests {
		t.Errorf("the CA was asked %d times meanwhile", got-requests)
	}
	for file, value := range values(t, redis, f.slot()) {
		if value != before[file] {
			t.Errorf("%s in the store was changed", file)
		}
	}
	f.env["ACME_CACHE_KEY"] = second + " " + first
	right := f.start(ports(t))
	if got := f.waitFor(patience, nil, right, s); !got.Equal(leaf) {
		t.Error("another certificate is served")
	}
	f.wantOrders(1)
}

// The store is at a provider whose CA no system knows. Each server keeps one connection, and asks over it what has changed.
func TestAFleetWithAStoreBehindTLSKeepsOneConnectionEach(t *testing.T) {
	t.Parallel()
	options, root := rig.RedisTLS(t)
	secure := rig.Port(t)
	redis := rig.StartRedis(t, append(options, "--tls-port", fmt.Sprint(secure))...)
	https, plain := ports(t)
	f := newFleet(t, fmt.Sprintf("valkeys://:%s@127.0.0.1:%d/0", redis.Password, secure),
		rig.PebbleOptions{HTTPPort: plain, TLSPort: https})
	f.env["ACME_CACHE_CA_FILE"] = root
	servers := []*server{f.start(https, plain), f.start(ports(t)), f.start(ports(t))}
	f.waitFor(patience, nil, servers...)
	f.wantOrders(1)
	asking := regexp.MustCompile(`(?m)^id=(\d+) .* age=(?:9|\d\d+) .* cmd=zrange`)
	rig.Eventually(t, patience, "a connection of each server that has asked for nine seconds", func() bool {
		return len(asking.FindAllString(redis.Ask(t, "CLIENT LIST"), -1)) == len(servers)
	})
	old := asking.FindAllStringSubmatch(redis.Ask(t, "CLIENT LIST"), -1)
	for _, c := range old {
		redis.Ask(t, "CLIENT KILL ID "+c[1])
	}
	rig.Eventually(t, patience, "another one of each", func() bool {
		return len(asking.FindAllString(redis.Ask(t, "CLIENT LIST"), -1)) == len(servers)
	})
	for _, s := range servers {
		s.Signal(t, syscall.SIGTERM)
		s.ExitCode(t, patience)
	}
	if left := redis.Ask(t, "CLIENT LIST"); strings.Count(left, "id=") != 1 { // the one that asks
		t.Errorf("connections are left:\n%s", left)
	}
}
