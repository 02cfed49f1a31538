package site

import (
	"crypto/tls"
	"fmt"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

func init() { pages = append(pages, "/sign-in", "/register") }

// Two replicas share users and sessions in Redis. A replica that is killed takes neither with it.
func TestAccountsAreSharedByReplicas(t *testing.T) {
	t.Parallel()
	port := rig.Port(t)
	redis := rig.Spawn(t, rig.Command{Path: must(t, "redis-server", "redis-server"), Dir: t.TempDir(), Args: []string{
		"--bind", "127.0.0.1", "--port", fmt.Sprint(port), "--requirepass", "hush", "--save", ""}})
	redis.WaitForPort(t, rig.Loopback(port))
	store := fmt.Sprintf("valkey://:hush@%s/0", rig.Loopback(port))

	replica := func() (*rig.Product, string) {
		https := rig.Port(t)
		p := rig.Start(t, t.TempDir(), rig.Env{"SESSION_STORE": store, "HTTPS_ADDR": rig.Loopback(https), "HTTP_ADDR": "off"})
		return p, fmt.Sprintf("https://localhost:%d", https)
	}
	first, at := replica()
	_, elsewhere := replica()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	visitor := rig.VisitorWith(&tls.Config{InsecureSkipVerify: true})
	visitor.Jar = jar
	send := func(to string, form url.Values) int {
		t.Helper()
		answer, err := visitor.PostForm(to, form)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	form := url.Values{"email": {"ada@site.test"}, "password": {"four words of mine"}}
	if got := send(at+"/register", form); got != 303 {
		t.Fatalf("registering got %d", got)
	}
	if got := send(elsewhere+"/register", form); got != 422 {
		t.Errorf("registering the address again at the other replica got %d, want 422", got)
	}
	first.Signal(t, syscall.SIGKILL)
	first.ExitCode(t, 10*time.Second)
	if page := rig.Get(t, visitor, elsewhere+"/account"); page.StatusCode != 200 || !strings.Contains(page.Body, "ada@site.test") {
		t.Errorf("the other replica answers %d\n%s", page.StatusCode, page.Body)
	}

	made := rig.Run(t, t.TempDir(), rig.Env{"SESSION_STORE": store}, "account", "ada@site.test")
	_, token, found := strings.Cut(made.Stdout, "token=")
	if made.ExitCode != 0 || !found {
		t.Fatalf("the command exited with %d:\n%s%s", made.ExitCode, made.Stdout, made.Stderr)
	}
	form.Set("token", strings.Fields(token)[0])
	form.Set("password", "a new password of mine")
	if got := send(elsewhere+"/new-password", form); got != 303 {
		t.Errorf("the link of the command got %d", got)
	}
	if got := send(elsewhere+"/new-password", form); got != 410 {
		t.Errorf("the link got %d the second time, want 410", got)
	}
}
