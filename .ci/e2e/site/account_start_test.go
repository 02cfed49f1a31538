package site

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// shopUser is what the server is told of the user shop.
func shopUser(rights ...string) []string {
	return append([]string{"--user", "shop", "on", ">hush"}, rights...)
}

var anyPort = rig.Env{"HTTPS_ADDR": "127.0.0.1:0", "HTTP_ADDR": "off"}

// What Redis refuses, it refuses until its operator changes it. The site says so before a visitor finds out.
func TestASiteThatMayNotKeepAccountsDoesNotStart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, setting, login string
		redis, want          []string
	}{
		{"a user for certificates alone", "ACME_CACHE", "shop:hush@",
			shopUser("~turnkey:*", "+get", "+set", "+del", "+rename", "+select"),
			[]string{"NOPERM", "SESSION_STORE", "ACL SETUSER shop"}},
		{"a user with other keys", "SESSION_STORE", "shop:hush@", shopUser("~turnkey:*", "+@all"),
			[]string{"NOPERM", "~{accounts:}:*"}},
		{"a user without one of the commands", "SESSION_STORE", "shop:hush@", shopUser("~*", "+@all", "-hset"), []string{"hset"}},
		{"a wrong password", "SESSION_STORE", "shop:hush2@", shopUser("~*", "+@all"),
			[]string{"WRONGPASS", "correct user and password"}},
		{"no password where one is asked for", "SESSION_STORE", "", []string{"--requirepass", "hush"},
			[]string{"NOAUTH", "correct user and password"}},
		{"a database that is not there", "SESSION_STORE", "", []string{"--databases", "1"}, []string{"ERR"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			port := rig.Port(t)
			rig.SpawnRedis(t, port, test.redis...)
			env := anyPort.With(rig.Env{test.setting: fmt.Sprintf("redis://%s%s/3", test.login, rig.Loopback(port))})
			got := rig.Run(t, t.TempDir(), env)
			if got.ExitCode != 1 || strings.Contains(got.Stdout+got.Stderr, "hush") {
				t.Errorf("exit status %d, want 1 and no password:\n%s%s", got.ExitCode, got.Stdout, got.Stderr)
			}
			for _, words := range append(test.want, test.setting, rig.Loopback(port)) {
				if !strings.Contains(got.Stderr, words) {
					t.Errorf("no %q in:\n%s", words, got.Stderr)
				}
			}
		})
	}
}

// The command that the message names is all that the operator has to type.
func TestTheRightsThatTheMessageNamesAreEnough(t *testing.T) {
	t.Parallel()
	port, https := rig.Port(t), rig.Port(t)
	rig.SpawnRedis(t, port, shopUser("~turnkey:*", "+get")...)
	env := rig.Env{"SESSION_STORE": fmt.Sprintf("redis://shop:hush@%s/1", rig.Loopback(port)),
		"HTTPS_ADDR": rig.Loopback(https), "HTTP_ADDR": "off"}
	refused := rig.Run(t, t.TempDir(), env)
	command := regexp.MustCompile(`ACL SETUSER .*`).FindString(refused.Stderr)
	if out := redisSays(t, port, command); out != "OK" {
		t.Fatalf("%q is answered with %q:\n%s", command, out, refused.Stderr)
	}
	rig.Start(t, t.TempDir(), env)
	if got := registers(t, https); got != 303 {
		t.Errorf("registering got %d", got)
	}
	if left := redisSays(t, port, "KEYS *check*"); left != "" {
		t.Errorf("keys are left behind: %s", left)
	}
}

// A server that is away may be back before the first visitor comes. The pages that need no account are served
// meanwhile.
func TestASiteStartsWhileItsRedisIsAway(t *testing.T) {
	t.Parallel()
	port, https := rig.Port(t), rig.Port(t)
	site := rig.Start(t, t.TempDir(), rig.Env{"SESSION_STORE": fmt.Sprintf("redis://:hush@%s/0", rig.Loopback(port)),
		"HTTPS_ADDR": rig.Loopback(https), "HTTP_ADDR": "off", "LOG_FORMAT": "json"})
	if got := registers(t, https); got != 503 {
		t.Errorf("registering got %d without the store", got)
	}
	warned := site.Logged(func(line map[string]any) bool {
		return line["level"] == "WARN" && line["setting"] == "SESSION_STORE" && line["host"] == rig.Loopback(port)
	})
	if len(warned) != 1 || strings.Contains(site.Stdout(), "hush") {
		t.Errorf("want one line that the store is away, without the password:\n%s", site.Stdout())
	}
	rig.SpawnRedis(t, port, "--requirepass", "hush")
	rig.Eventually(t, 20*time.Second, "a registration", func() bool { return registers(t, https) == 303 })
}

// While Redis is away, visitors with a session see the pages that need no account, and are signed in again after it.
func TestASessionOutlivesATimeWithoutItsRedis(t *testing.T) {
	t.Parallel()
	port, https, kept := rig.Port(t), rig.Port(t), t.TempDir()
	start := func() *rig.Process {
		p := rig.Spawn(t, rig.Command{Path: must(t, "redis-server", "redis-server"), Dir: kept,
			Args: []string{"--bind", "127.0.0.1", "--port", fmt.Sprint(port), "--appendonly", "yes"}})
		p.WaitForPort(t, rig.Loopback(port))
		return p
	}
	redis := start()
	site := rig.Start(t, t.TempDir(), rig.Env{"SESSION_STORE": "redis://" + rig.Loopback(port), "LOG_FORMAT": "json",
		"HTTPS_ADDR": rig.Loopback(https), "HTTP_ADDR": "off"})
	at, ada := fmt.Sprintf("https://localhost:%d", https), newUser(t)
	ada.send(at+"/register", 303)
	without := func(how string) {
		t.Helper()
		if got := rig.Get(t, ada.Client, at+"/"); got.StatusCode != 200 || strings.Contains(got.Body, "ada@site.test") {
			t.Errorf("%s: the first page got %d", how, got.StatusCode)
		}
		if log := site.Stdout(); !strings.Contains(log, "counts as not signed in") {
			t.Errorf("%s: the log does not tell:\n%s", how, log)
		}
		if got := rig.Get(t, ada.Client, at+"/account"); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: a page that needs an account got %d %v", how, got.StatusCode, got.Header)
		}
		ada.send(at+"/sign-in", 503)
		ada.send(at+"/sign-out", 503)
	}

	redis.Signal(t, syscall.SIGSTOP)
	without("frozen")
	redis.Signal(t, syscall.SIGCONT)
	rig.Eventually(t, 10*time.Second, "the session", func() bool { return ada.signedIn(at) })

	redis.Signal(t, syscall.SIGTERM)
	redis.ExitCode(t, 10*time.Second)
	without("stopped")
	start()
	rig.Eventually(t, 10*time.Second, "its data", func() bool { return redisSays(t, port, "PING") == "PONG" })
	if !ada.signedIn(at) { // at once: no connection of before is used
		t.Errorf("signed out by a time without Redis:\n%s", site.Stdout())
	}
}

// A server that is full may have room for the first visitor.
func TestASiteStartsWhileItsRedisIsFull(t *testing.T) {
	t.Parallel()
	port, https := rig.Port(t), rig.Port(t)
	rig.SpawnRedis(t, port, "--maxclients", "1")
	var held net.Conn
	rig.Eventually(t, 20*time.Second, "the only connection", func() bool {
		var err error
		if held, err = net.Dial("tcp", rig.Loopback(port)); err != nil {
			return false
		}
		fmt.Fprint(held, "PING\r\n")
		if line, _ := bufio.NewReader(held).ReadString('\n'); strings.HasPrefix(line, "+PONG") {
			return true
		}
		held.Close()
		return false
	})
	defer held.Close()
	site := rig.Start(t, t.TempDir(), rig.Env{"SESSION_STORE": "redis://" + rig.Loopback(port),
		"HTTPS_ADDR": rig.Loopback(https), "HTTP_ADDR": "off"})
	rig.Eventually(t, 20*time.Second, "a line that it is full", func() bool { return strings.Contains(site.Stdout(), "max number of clients") })
	held.Close()
	rig.Eventually(t, 20*time.Second, "a registration", func() bool { return registers(t, https) == 303 })
}

// Providers of Redis sign its certificate with a CA of their own. The setting for it is the one that ACME_CACHE has.
func TestAccountsAreKeptInARedisOfAPrivateCA(t *testing.T) {
	t.Parallel()
	options, root := rig.RedisTLS(t)
	port := rig.Port(t)
	rig.SpawnRedis(t, rig.Port(t), append(options, "--tls-port", fmt.Sprint(port))...)
	for setting, scheme := range map[string]string{"SESSION_STORE": "valkeys", "ACME_CACHE": "rediss"} {
		env := anyPort.With(rig.Env{setting: scheme + "://" + rig.Loopback(port), "ACME_CACHE_CA_FILE": root})
		https := rig.Port(t)
		rig.Start(t, t.TempDir(), env.With(rig.Env{"HTTPS_ADDR": rig.Loopback(https)}))
		if got := registers(t, https); got != 303 && got != 422 { // the second time there is the account
			t.Errorf("%s: registering got %d", setting, got)
		}
		env["ACME_CACHE_CA_FILE"] = os.DevNull
		if got := rig.Run(t, t.TempDir(), env); got.ExitCode != 1 || !strings.Contains(got.Stderr, "ACME_CACHE_CA_FILE") {
			t.Errorf("%s: a file without a certificate got exit status %d\n%s%s", setting, got.ExitCode, got.Stdout, got.Stderr)
		}
	}
}

// registers returns the answer for a new visitor.
func registers(t *testing.T, https int) int {
	t.Helper()
	visitor := rig.VisitorWith(&tls.Config{InsecureSkipVerify: true})
	form := url.Values{"email": {"ada@site.test"}, "password": {"four words of mine"}}
	answer, err := visitor.PostForm(fmt.Sprintf("https://localhost:%d/register", https), form)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// redisSays returns the first line of what the server answers to a command of its operator.
func redisSays(t *testing.T, port int, command string) string {
	t.Helper()
	out := rig.Spawn(t, rig.Command{Path: must(t, "redis-cli", "redis-tools"), Dir: t.TempDir(),
		Args: append([]string{"-p", fmt.Sprint(port), "-n", "1"}, strings.Fields(command)...)}).Finish(t, 10*time.Second)
	line, _, _ := strings.Cut(out.Stdout+out.Stderr, "\n")
	return line
}

func TestASiteWhoseFileOfAccountsCannotBeWrittenDoesNotStart(t *testing.T) {
	t.Parallel()
	var nobody *rig.User
	if os.Getuid() == 0 { // for whom every file can be written
		nobody = &rig.User{UID: 65534, GID: 65534}
	}
	for name, prepare := range map[string]func(file string) error{
		"permission denied": func(file string) error { return os.WriteFile(file, nil, 0o444) },
		"is a directory":    func(file string) error { return os.Mkdir(file, 0o777) },
		"invalid database": func(file string) error {
			return errors.Join(os.WriteFile(file, []byte("no database"), 0o666), os.Chmod(file, 0o666))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			data := filepath.Join(dir, "data")
			err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o777), os.Mkdir(data, 0o755),
				prepare(filepath.Join(data, "accounts.db")))
			if err != nil {
				t.Fatal(err)
			}
			got := rig.RunAs(t, nobody, dir, anyPort.With(rig.Env{"HOME": dir, "DATA_DIR": data}))
			if got.ExitCode != 1 || !strings.Contains(got.Stderr, "DATA_DIR") || !strings.Contains(got.Stderr, name) {
				t.Errorf("exit status %d, want 1, the setting and %q:\n%s%s", got.ExitCode, name, got.Stdout, got.Stderr)
			}
		})
	}
}
