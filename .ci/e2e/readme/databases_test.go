//go:build unix

package readme

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// recipeLines is how long a recipe may be, without its imports and empty lines.
const recipeLines = 25

// Each recipe is put into a project as its comment says. The tests of the example pass, and neither two processes at
// once nor the death of one loses an account.
func TestAccountsAreKeptInADatabase(t *testing.T) {
	for name, server := range map[string]func(*testing.T) []string{
		"sqlite":   func(*testing.T) []string { return nil },
		"postgres": startPostgres,
	} {
		t.Run(name, func(t *testing.T) {
			dir, env := renamed(t)
			useRecipe(t, dir, env, name)
			env = append(env, server(t)...)
			run(t, dir, env, "go vet -tags nomsgpack ./... && test -z \"$(gofmt -l .)\"")
			run(t, dir, env, "go build -tags nomsgpack -o bin/shop ./app")
			if !t.Failed() {
				losesNoAccount(t, filepath.Join(dir, "bin", "shop"), env)
				run(t, dir, env, "go test -tags nomsgpack ./handlers")
			}
		})
	}
}

// The store that comes with the example holds the same.
func TestAccountsAreKeptInAFile(t *testing.T) {
	losesNoAccount(t, rig.Binary(t), rig.Stranger(t, t.TempDir()))
}

func useRecipe(t *testing.T, dir string, env []string, name string) {
	t.Helper()
	text := string(rig.Read(t, filepath.Join(dir, "handlers", "account_"+name+".go")))
	_, code, _ := strings.Cut(text, "\n)\n")
	if n := len(regexp.MustCompile(`(?m)^.+$`).FindAllString(code, -1)); n > recipeLines {
		t.Errorf("the recipe has %d lines, want %d at most", n, recipeLines)
	}
	for _, command := range regexp.MustCompile(`(?m)^//\t(.+)$`).FindAllStringSubmatch(text, -1) {
		run(t, dir, env, command[1])
	}
	for _, old := range []string{"go.etcd.io/bbolt", "redisstore"} {
		if strings.Contains(string(rig.Read(t, filepath.Join(dir, "go.mod"))), old) {
			t.Errorf("%s is still required", old)
		}
	}
}

// startPostgres starts a server, and returns the variables that name it.
func startPostgres(t *testing.T) []string {
	t.Helper()
	bin := ""
	if installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin"); len(installed) > 0 { // Debian's, not in PATH
		bin = installed[len(installed)-1]
	} else {
		bin = filepath.Dir(rig.Need(t, "postgres", "initdb"))
	}
	var nobody *rig.User
	data := t.TempDir()
	if os.Getuid() == 0 { // Postgres refuses to run as root
		nobody = &rig.User{UID: 65534, GID: 65534}
		if err := errors.Join(os.Chmod(filepath.Dir(data), 0o755), os.Chown(data, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
	}
	made := rig.Spawn(t, rig.Command{Path: filepath.Join(bin, "initdb"), Dir: data, As: nobody, Env: []string{"LC_ALL=C"},
		Args: []string{"-D", data, "-U", "shop", "-A", "trust", "-E", "UTF8", "--no-sync"}}).Finish(t, time.Minute)
	if made.ExitCode != 0 {
		t.Fatalf("initdb: %s%s", made.Stdout, made.Stderr)
	}
	port := rig.Port(t)
	server := rig.Spawn(t, rig.Command{Path: filepath.Join(bin, "postgres"), Dir: data, As: nobody, Env: []string{"LC_ALL=C"},
		Args: []string{"-D", data, "-h", "127.0.0.1", "-p", fmt.Sprint(port), "-c", "unix_socket_directories="}, Master: true})
	server.WaitForPort(t, rig.Loopback(port))
	return []string{"PGHOST=127.0.0.1", "PGUSER=shop", "PGDATABASE=postgres", fmt.Sprint("PGPORT=", port)}
}

// losesNoAccount runs eight processes at once on a store that is empty, then two, and kills the one at which visitors
// register. A visitor who was told that he has an account is signed in at the other one, and can sign in there again.
// One who got no answer can sign in or register.
func losesNoAccount(t *testing.T, binary string, env []string) {
	t.Helper()
	env = append(env[:len(env):len(env)], "DATA_DIR="+t.TempDir(), "HTTP_ADDR=off", "TRUSTED_PROXIES=127.0.0.1,::1")
	var commands []*rig.Process
	for range 8 {
		commands = append(commands, rig.Spawn(t, rig.Command{Path: binary, Dir: t.TempDir(), Env: env,
			Args: []string{"account", "ada@site.test"}}))
	}
	for _, c := range commands {
		if got := c.Finish(t, 20*time.Second); got.ExitCode != 0 || !strings.Contains(got.Stdout, "/new-password?") {
			t.Errorf("one of eight commands exited with %d:\n%s%s", got.ExitCode, got.Stdout, got.Stderr)
		}
	}
	start := func() (*rig.Process, string) {
		at := rig.Loopback(rig.Port(t))
		p := rig.Spawn(t, rig.Command{Path: binary, Dir: t.TempDir(), Env: append(env[:len(env):len(env)], "HTTPS_ADDR="+at)})
		p.WaitForPort(t, at)
		return p, "https://" + at
	}
	first, at := start()
	_, elsewhere := start()
	told, cut := registerAt(t, at, func() {
		first.Signal(t, syscall.SIGKILL)
		first.ExitCode(t, 10*time.Second)
	})
	if len(cut) == 0 {
		t.Error("no registration was cut")
	}
	for _, v := range told {
		if status, page := v.ask("GET", elsewhere+"/account"); status != 200 || !strings.Contains(page, v.email) {
			t.Errorf("%s has an account and is not signed in: %d", v.email, status)
		}
		if status, _ := v.ask("POST", elsewhere+"/sign-in"); status != 303 {
			t.Errorf("%s has an account and cannot sign in: %d", v.email, status)
		}
	}
	for _, v := range cut {
		signedIn, _ := v.ask("POST", elsewhere+"/sign-in")
		registered, _ := v.ask("POST", elsewhere+"/register")
		if signedIn == registered || signedIn != 303 && registered != 303 {
			t.Errorf("%s got no answer, then %d to sign in and %d to register", v.email, signedIn, registered)
		}
	}
	_, again := start()
	if status, _ := told[0].ask("GET", again+"/account"); status != 200 {
		t.Errorf("after a restart %s is not signed in: %d", told[0].email, status)
	}
}

// registerAt lets eight visitors at once register, one after another, and calls kill after the first 40. It returns
// those who were told that they have an account, and those who got no answer.
func registerAt(t *testing.T, at string, kill func()) (told, cut []*visitor) {
	t.Helper()
	var all sync.WaitGroup
	done := make(chan *visitor)
	for n := range 8 {
		all.Go(func() {
			for i := 0; ; i++ {
				v := newVisitor(n, i)
				v.registered, _ = v.ask("POST", at+"/register")
				done <- v
				if v.registered == 0 {
					return
				}
			}
		})
	}
	go func() { all.Wait(); close(done) }()
	killed := make(chan struct{})
	for v := range done {
		switch v.registered {
		case 303:
			if told = append(told, v); len(told) == 40 {
				go func() { kill(); close(killed) }()
			}
		case 0:
			cut = append(cut, v)
		default:
			t.Errorf("registering %s got %d", v.email, v.registered)
		}
	}
	<-killed
	return told, cut
}

// visitor has an address of his own, because a site answers few forms of one address.
type visitor struct {
	email, address string
	client         *http.Client
	registered     int // status, 0 without an answer
}

func newVisitor(n, i int) *visitor {
	v := &visitor{email: fmt.Sprintf("visitor-%d-%d@site.test", n, i), address: fmt.Sprintf("10.0.%d.%d", n, i),
		client: rig.VisitorWith(&tls.Config{InsecureSkipVerify: true})}
	v.client.Jar, _ = cookiejar.New(nil)
	return v
}

// ask returns the status 0 without an answer.
func (v *visitor) ask(method, address string) (status int, body string) {
	form := url.Values{"email": {v.email}, "password": {"four words of mine"}}
	answer, err := rig.Try(v.client, rig.Request{Method: method, URL: address, Body: form.Encode(), Header: []string{
		"Content-Type", "application/x-www-form-urlencoded", "X-Forwarded-For", v.address, "X-Forwarded-Proto", "https"}})
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, answer.Body
}
