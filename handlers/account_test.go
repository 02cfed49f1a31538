package handlers

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"example.com/turnkey/app/apptest"
)

const goodPassword = "four words of mine"

// address is a new one each time, since the tests may share a store.
func address(name string) string { return name + "-" + strings.ToLower(rand.Text()) + "@site.test" }

// signIn sends the form, and returns the status of the answer.
func signIn(visitor *apptest.Site, email, password string) int {
	return visitor.PostForm("/sign-in", url.Values{"email": {email}, "password": {password}}).Status
}

func register(t *testing.T, visitor *apptest.Site, email string) {
	t.Helper()
	answer := visitor.PostForm("/register", url.Values{"email": {email}, "password": {goodPassword}})
	if answer.Status != 303 || answer.Header.Get("Location") != "/account" {
		t.Fatalf("registering %s got %d\n%s", email, answer.Status, answer.Body)
	}
}

// isSignedIn tells it by the page that is for users alone.
func isSignedIn(t *testing.T, visitor *apptest.Site) bool {
	t.Helper()
	answer := visitor.Get("/account", "Accept", "text/html")
	if answer.Status != 200 && !strings.HasPrefix(answer.Header.Get("Location"), "/sign-in") {
		t.Fatalf("/account got %d to %q", answer.Status, answer.Header.Get("Location"))
	}
	return answer.Status == 200
}

func TestAVisitorRegistersSignsOutAndSignsIn(t *testing.T) {
	t.Parallel()
	site, ada := apptest.Start(t, Site), address("ada")
	if isSignedIn(t, site) {
		t.Error("a stranger sees the account")
	}
	register(t, site, ada)
	if page := site.Get("/account"); !strings.Contains(page.Body, "signed in as "+ada) {
		t.Errorf("the account shows\n%s", page.Body)
	}
	if page := site.Get("/register"); page.Header.Get("Cache-Control") != "no-store" { // a layout may name the user
		t.Errorf("proxies may keep a page of a user who is signed in: %q", page.Header.Get("Cache-Control"))
	}
	before := site.Client.Jar.Cookies(mustParse(t, site.URL))
	site.PostForm("/sign-out", nil)
	if isSignedIn(t, site) {
		t.Error("still signed in after signing out")
	}
	thief := site.Visitor()
	thief.Client.Jar.SetCookies(mustParse(t, site.URL), before)
	if isSignedIn(t, thief) {
		t.Error("a cookie from before signing out still signs in")
	}
	if got := signIn(site, " "+strings.ToUpper(ada)+" ", goodPassword); got != 303 || !isSignedIn(t, site) {
		t.Errorf("signing in got %d", got)
	}
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestTheFormsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	site, ada := apptest.Start(t, Site), address("ada")
	register(t, site.Visitor(), ada)
	for _, test := range []struct{ path, email, password, want string }{
		{"/register", "ada", goodPassword, "The address must be an email address"},
		{"/register", address("eve"), "short", "The password must be at least 12 characters long"},
		{"/register", strings.ToUpper(ada), goodPassword, "The address has an account already"},
		{"/sign-in", ada, "another password", "The password is wrong, or the email address is"},
		{"/sign-in", address("nobody"), "another password", "The password is wrong, or the email address is"},
		{"/sign-in", "", "another password", "The address is required"},
	} {
		answer := site.PostForm(test.path, url.Values{"email": {test.email}, "password": {test.password}})
		if answer.Status != 422 || !strings.Contains(answer.Body, test.want) ||
			!strings.Contains(answer.Body, `value="`+test.email+`"`) || strings.Contains(answer.Body, test.password) {
			t.Errorf("%s with %s and %q got %d, want 422, the address and %q, without the password:\n%s",
				test.path, test.email, test.password, answer.Status, test.want, answer.Body)
		}
	}
	if isSignedIn(t, site) {
		t.Error("a wrong form signs in")
	}
}

func TestANewPasswordEndsAllOtherSessions(t *testing.T) {
	t.Parallel()
	laptop, ada := apptest.Start(t, Site), address("ada")
	register(t, laptop, ada)
	phone := laptop.Visitor()
	signIn(phone, ada, goodPassword)

	change := func(old string) *apptest.Answer {
		return laptop.PostForm("/account/password", url.Values{"old": {old}, "password": {"five words that are new"}})
	}
	if answer := change("a wrong one"); answer.Status != 422 || !strings.Contains(answer.Body, "The present password is wrong") {
		t.Errorf("with a wrong password, a new one got %d\n%s", answer.Status, answer.Body)
	}
	if !isSignedIn(t, phone) {
		t.Fatal("signed out by a password that was not changed")
	}
	if answer := change(goodPassword); answer.Status != 303 {
		t.Errorf("a new password got %d\n%s", answer.Status, answer.Body)
	}
	if !isSignedIn(t, laptop) || isSignedIn(t, phone) {
		t.Errorf("signed in: laptop %v, phone %v; want the laptop alone", isSignedIn(t, laptop), isSignedIn(t, phone))
	}
	if got := signIn(phone, ada, goodPassword); got != 422 {
		t.Errorf("the old password got %d", got)
	}
}

// The same letters can be typed in several ways, by one user at two devices or by a stranger who imitates a user.
func TestWhatLooksTheSameIsOneAccount(t *testing.T) {
	t.Parallel()
	site, end := apptest.Start(t, Site), strings.ToLower(rand.Text())
	ada := "ad\u00e9-" + end + "@site.test"
	form := url.Values{"email": {ada}, "password": {"quatre mots \u00e0 moi"}}
	if got := site.PostForm("/register", form).Status; got != 303 {
		t.Fatalf("registering got %d", got)
	}
	if got := signIn(site.Visitor(), "ade\u0301-"+end+"@site.test", "quatre mots a\u0300 moi"); got != 303 {
		t.Errorf("signing in with letters and accents apart got %d", got)
	}
	end += "@site.test"
	for _, email := range []string{"ade\u0301-" + end, ada + "\u200b", "ad\u00e9\u00ad-" + end} {
		form.Set("email", email)
		if answer := site.Visitor().PostForm("/register", form); answer.Status != 422 {
			t.Errorf("a second account %q got %d", email, answer.Status)
		}
	}
	if got := signIn(site.Visitor(), "ad\x00\xe9@site.test", goodPassword); got != 422 { // no text for Postgres
		t.Errorf("bytes that are no text got %d", got)
	}
}

// An admin has set the password by a link. Otherwise the first to register the address would be the admin.
func TestTheAdminIsWhoTheSettingNames(t *testing.T) {
	t.Parallel()
	ada, root := address("ada"), address("root")
	settings := []string{"ACCOUNT_ADMINS=" + root, "DATA_DIR=" + t.TempDir()}
	site := apptest.Start(t, Site, settings...)
	stranger := site.Visitor()
	register(t, stranger, root)
	if got := stranger.Get("/account/users").Status; got != 403 {
		t.Errorf("the list of users got %d for a stranger who registered the admin's address, want 403", got)
	}
	register(t, site, ada)
	if got := site.Get("/account/users").Status; got != 403 {
		t.Errorf("the list of users got %d for a user, want 403", got)
	}
	if answer := site.Visitor().Get("/account/users"); answer.Status != 401 {
		t.Errorf("the list of users got %d for a client without a session, want 401", answer.Status)
	}
	answer := site.Visitor().Get("/account/users", "Accept", "text/html")
	if !strings.HasPrefix(answer.Header.Get("Location"), "/sign-in") || strings.Contains(answer.Body, ada) {
		t.Errorf("the list of users got %d for a stranger\n%s", answer.Status, answer.Body)
	}

	admin := site.Visitor()
	link := linkOf(t, root, settings...)
	if answer := setPassword(t, admin, link); answer.Status != 303 {
		t.Fatalf("the link got %d\n%s", answer.Status, answer.Body)
	}
	if isSignedIn(t, stranger) {
		t.Error("the stranger is signed in beside the admin")
	}
	if page := admin.Get("/account/users"); page.Status != 200 ||
		!strings.Contains(page.Body, ada+"</td><td>no") || !strings.Contains(page.Body, root+"</td><td>yes") {
		t.Errorf("the list of users got %d for the admin\n%s", page.Status, page.Body)
	}
	if answer := setPassword(t, site.Visitor(), link); answer.Status != 410 {
		t.Errorf("the link got %d the second time, want 410", answer.Status)
	}
	without := apptest.Start(t, Site, settings[1]) // the next start, with another setting
	without.Client.Jar.SetCookies(mustParse(t, without.URL), admin.Client.Jar.Cookies(mustParse(t, site.URL)))
	if got := without.Get("/account/users").Status; got != 403 || !isSignedIn(t, without) {
		t.Errorf("who is no admin any more got %d, want 403", got)
	}
	older, newer := linkOf(t, ada, settings...), linkOf(t, ada, settings...)
	if answer := setPassword(t, site.Visitor(), older); answer.Status != 410 {
		t.Errorf("a link got %d after another was made, want 410", answer.Status)
	}
	if answer := setPassword(t, site.Visitor(), newer); answer.Status != 303 || isSignedIn(t, site) {
		t.Errorf("the newer link got %d, want 303 and the session from before ended", answer.Status)
	}
}

// linkOf runs the command beside the server.
func linkOf(t *testing.T, email string, settings ...string) *url.URL {
	t.Helper()
	out, status := apptest.Run(t, Site, []string{"account", email}, settings...)
	found := regexp.MustCompile(`https://site\.test/new-password\S+`).FindString(out)
	if status != 0 || found == "" {
		t.Fatalf("the command exited with %d and printed %q", status, out)
	}
	return mustParse(t, found)
}

func setPassword(t *testing.T, visitor *apptest.Site, link *url.URL) *apptest.Answer {
	t.Helper()
	page, form := visitor.Get(link.RequestURI()), link.Query()
	form.Set("password", "a new password of mine")
	answer := visitor.PostForm("/new-password", form)
	if shown := page.Status == 200 && strings.Contains(page.Body, form.Get("token")); shown != (answer.Status == 303) {
		t.Errorf("the link shows %d, and setting the password got %d\n%s", page.Status, answer.Status, page.Body)
	}
	return answer
}

// A visitor who opens a link changes the password of the account that the link names, also while signed in to another.
func TestALinkIsForItsOwnAccount(t *testing.T) {
	t.Parallel()
	settings := []string{"DATA_DIR=" + t.TempDir()}
	site, ada, eve := apptest.Start(t, Site, settings...), address("ada"), address("eve")
	register(t, site, ada)
	if page := site.Get(linkOf(t, eve, settings...).RequestURI()); !strings.Contains(page.Body, `value="`+eve+`"`) {
		t.Errorf("the form is for another account:\n%s", page.Body)
	}
}

// Two processes of one site overlap at each edit and at each deployment.
func TestAVisitorIsSignedInWithTheNextProcess(t *testing.T) {
	t.Parallel()
	data, ada := "DATA_DIR="+t.TempDir(), address("ada")
	before, after := apptest.Start(t, Site, data), apptest.Start(t, Site, data)
	register(t, before, ada)
	after.Client.Jar.SetCookies(mustParse(t, after.URL), before.Client.Jar.Cookies(mustParse(t, before.URL)))
	if !isSignedIn(t, after) {
		t.Error("the next process does not know the session")
	}
	if got := signIn(after.Visitor(), ada, goodPassword); got != 303 {
		t.Errorf("signing in at the next process got %d", got)
	}
}

func TestASessionGetsANewCookieAtEachSignIn(t *testing.T) {
	t.Parallel()
	site, ada := apptest.Start(t, Site), address("ada")
	register(t, site.Visitor(), ada)
	planted := &http.Cookie{Name: "__Host-account", Value: "planted-by-a-stranger", Secure: true, Path: "/"}
	site.Client.Jar.SetCookies(mustParse(t, site.URL), []*http.Cookie{planted})
	signIn(site, ada, goodPassword)
	thief := site.Visitor()
	thief.Client.Jar.SetCookies(mustParse(t, site.URL), []*http.Cookie{planted})
	if !isSignedIn(t, site) || isSignedIn(t, thief) {
		t.Error("a cookie that was planted before signing in is signed in after it")
	}
}
