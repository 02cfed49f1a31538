package site

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

func init() { pages = append(pages, "/sign-in", "/register") }

// replicas are processes of the site that share users and sessions in Redis.
type replicas struct {
	t     *testing.T
	store string
}

func newReplicas(t *testing.T) replicas {
	port := rig.Port(t)
	redis := rig.Spawn(t, rig.Command{Path: must(t, "redis-server", "redis-server"), Dir: t.TempDir(), Args: []string{
		"--bind", "127.0.0.1", "--port", fmt.Sprint(port), "--requirepass", "hush", "--save", ""}})
	redis.WaitForPort(t, rig.Loopback(port))
	return replicas{t, fmt.Sprintf("valkey://:hush@%s/0", rig.Loopback(port))}
}

func (r replicas) start() (p *rig.Product, at string) {
	r.t.Helper()
	https := rig.Port(r.t)
	p = rig.Start(r.t, r.t.TempDir(), rig.Env{"SESSION_STORE": r.store, "HTTPS_ADDR": rig.Loopback(https), "HTTP_ADDR": "off"})
	return p, fmt.Sprintf("https://localhost:%d", https)
}

// newPassword returns the token of a link that the operator makes.
func (r replicas) newPassword(email string) (token string) {
	r.t.Helper()
	made := rig.Run(r.t, r.t.TempDir(), rig.Env{"SESSION_STORE": r.store}, "account", email)
	_, token, found := strings.Cut(made.Stdout, "token=")
	if made.ExitCode != 0 || !found {
		r.t.Fatalf("the command exited with %d:\n%s%s", made.ExitCode, made.Stdout, made.Stderr)
	}
	return strings.Fields(token)[0]
}

// user is a visitor who keeps cookies.
type user struct {
	*http.Client
	t *testing.T
}

func newUser(t *testing.T) user {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	u := user{rig.VisitorWith(&tls.Config{InsecureSkipVerify: true}), t}
	u.Jar = jar
	return u
}

// send sends a form, and fails if the answer has another status.
func (u user) send(to string, want int, fields ...string) {
	u.t.Helper()
	form := url.Values{"email": {"ada@site.test"}, "password": {"four words of mine"}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	answer, err := u.PostForm(to, form)
	if err != nil {
		u.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != want {
		u.t.Errorf("POST %s got %d, want %d", to, answer.StatusCode, want)
	}
}

func (u user) signedIn(at string) bool {
	u.t.Helper()
	page := rig.Get(u.t, u.Client, at+"/account")
	return page.StatusCode == 200 && strings.Contains(page.Body, "ada@site.test")
}

// The layout of an owner need not, so the starter's own tests do not ask for it.
func TestTheLayoutNamesWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	https := rig.Port(t)
	rig.Start(t, t.TempDir(), rig.Env{"HTTPS_ADDR": rig.Loopback(https), "HTTP_ADDR": "off"})
	at, ada := fmt.Sprintf("https://localhost:%d", https), newUser(t)
	names := func(who string) {
		t.Helper()
		if page := rig.Get(t, ada.Client, at+"/"); !strings.Contains(page.Body, `<a href="/account">`+who+`</a>`) {
			t.Errorf("the first page does not name %q:\n%s", who, page.Body)
		}
	}
	names("Sign in")
	ada.send(at+"/register", 303)
	names("ada@site.test")
}

// A replica that is killed takes neither users nor sessions with it.
func TestAccountsAreSharedByReplicas(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	first, at := r.start()
	_, elsewhere := r.start()
	ada := newUser(t)
	ada.send(at+"/register", 303)
	ada.send(elsewhere+"/register", 422)
	first.Signal(t, syscall.SIGKILL)
	first.ExitCode(t, 10*time.Second)
	if !ada.signedIn(elsewhere) {
		t.Error("the other replica does not know the session")
	}
	token := r.newPassword("ada@site.test")
	ada.send(elsewhere+"/new-password", 303, "token", token, "password", "a new password of mine")
	ada.send(elsewhere+"/new-password", 410, "token", token, "password", "a new password of mine")
}

// One registers at the first replica, signs in at the second from another browser, and changes the password at the third.
func TestANewPasswordEndsSessionsOnAllReplicas(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	_, a := r.start()
	_, b := r.start()
	_, c := r.start()
	laptop, phone, lost := newUser(t), newUser(t), newUser(t)
	laptop.send(a+"/register", 303)
	phone.send(b+"/sign-in", 303)
	if !laptop.signedIn(c) || !phone.signedIn(a) {
		t.Error("a session is not known to another replica")
	}
	lost.send(c+"/new-password", 303, "token", r.newPassword("ada@site.test"), "password", "a new password of mine")
	for _, at := range []string{a, b, c} {
		if laptop.signedIn(at) || phone.signedIn(at) {
			t.Errorf("a session from before the new password goes on at %s", at)
		}
	}
	phone.send(a+"/sign-in", 422)
	phone.send(a+"/sign-in", 303, "password", "a new password of mine")
}
