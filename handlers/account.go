package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

// An example to build on or to remove: visitors register, sign in and out, change a password, and replace a forgotten
// one. /account is a page for users, /account/users one for admins. Two commands remove all of it:
//
//	rm -r handlers/account*.go web/templates/account && sed -i.bak '/account(r/,/}/d' handlers/routes.go
//	sed -i.bak /account/d handlers/site.go web/templates/home.html web/templates/layout.html && rm */*.bak */*/*.bak && go mod tidy
//
// The first admin: ACCOUNT_ADMINS=you@example.com in .env, then go run ./app account you@example.com prints a link by
// which you set your password. account_sqlite.go and account_postgres.go are recipes.

var accountSettings = append([]kit.Setting{
	{Name: "ACCOUNT_ADMINS", About: "Email addresses of the admins, separated by commas.", Check: checkAdmins},
}, storeSettings...)

// accounts is what the handlers of the example share.
type accounts struct {
	users    users
	sessions *sessions
	hashes   hashes
	attempts attempts
	admins   map[string]bool // by address
	mail     mailer          // nil: the operator makes links by the command
	site     string          // https://example.com, for links
	job      func(name string, f func(context.Context) error)
}

// account registers the routes of the example. It has to come before other routes: it tells the layout of every page
// who is signed in.
func account(r *gin.Engine, server kit.Server) error {
	a, err := newAccounts(server)
	if err == nil {
		a.routes(r, server)
	}
	return err
}

func (a *accounts) routes(r *gin.Engine, server kit.Server) {
	a.job = server.Go
	server.OnStop(func(context.Context) error { return a.users.store.Close() })
	limit := middleware.RateLimit(20, time.Minute) // by the visitor's address, for all accounts together
	mails := middleware.RateLimit(10, time.Hour)   // the same

	r.Use(a.findSignedIn)
	r.GET("/register", a.show("account/register"))
	r.POST("/register", limit, kit.E(a.register))
	r.GET("/sign-in", a.show("account/sign-in"))
	r.POST("/sign-in", limit, kit.E(a.signIn))
	r.POST("/sign-out", kit.E(a.signOut))
	r.GET("/forgotten", a.show("account/forgotten"))
	if a.mail != nil { // or the page says whom to ask
		r.POST("/forgotten", mails, kit.E(a.forgotten))
	}
	r.GET("/new-password", kit.E(a.showLink))
	r.POST("/new-password", limit, kit.E(a.replacePassword))

	members := r.Group("/account", kit.E(onlyUsers))
	members.GET("", a.show("account/account"))
	members.POST("/password", limit, kit.E(a.changePassword))
	members.GET("/users", kit.E(onlyAdmins), kit.E(a.showUsers))
}

// newAccounts opens what the server and the command share.
func newAccounts(p kit.Program) (*accounts, error) {
	a := &accounts{site: siteURL(p), hashes: newHashes()}
	var err error
	if a.admins, err = admins(p.Setting("ACCOUNT_ADMINS")); err != nil {
		return nil, err
	}
	store, sessions, err := openAccounts(p)
	a.users, a.sessions = users{store}, newSessions(sessions)
	return a, err
}

// findSignedIn finds out who is signed in, for the handlers and for the layout. While the store is away, pages that
// need no account are served as if the visitor were not signed in.
func (a *accounts) findSignedIn(c *gin.Context) {
	u, err := a.sessions.user(c, a.users)
	if err != nil {
		slog.WarnContext(c.Request.Context(), "a visitor with a session counts as not signed in", "error", err)
		c.Set(signedInKey, err)
	} else if u != nil {
		u.Admin = u.Proved && a.admins[u.Email] // otherwise anyone could register an admin's address first
		c.Set(signedInKey, u)
		c.Set("user", u.Email)
		c.Header("Cache-Control", "no-store") // the layout names the user
	}
}

const signedInKey = "account"

// signedIn returns the user of a request, or nil.
func signedIn(c *gin.Context) *user {
	u, _ := c.Value(signedInKey).(*user)
	return u
}

// onlyUsers guards routes and groups: r.Group("/orders", kit.E(onlyUsers)). Visitors who are not signed in are sent to
// the form and back, and clients of an API get 401. It asks once, so a stream goes on for a user who signs out.
func onlyUsers(c *gin.Context) error {
	switch err, failed := c.Value(signedInKey).(error); {
	case failed:
		return err
	case signedIn(c) != nil:
		return nil
	case strings.Contains(c.GetHeader("Accept"), "text/html"):
		c.Redirect(http.StatusSeeOther, signInPath(c))
		return nil
	}
	return kit.Status(http.StatusUnauthorized, "Sign in first")
}

// onlyAdmins guards routes and groups for admins in the same way.
func onlyAdmins(c *gin.Context) error {
	if u := signedIn(c); u != nil && !u.Admin {
		return kit.Status(http.StatusForbidden, "This page is for admins")
	}
	return onlyUsers(c)
}

// accountPage is what the pages of the example show.
type accountPage struct {
	page
	Email string // as it was entered, or as a link has it
	Token string // of a link for a new password
	Next  string // where the form leads; empty: to the account
	Admin bool   // the user is one
	Mail  bool   // links come by mail
	Users []user
	Err   error // what is wrong with the input
}

// accountTitles are here, not in the templates: a layout need not have a block for them.
var accountTitles = map[string]string{
	"account/account":      "Your account",
	"account/forgotten":    "Forgot your password?",
	"account/new-password": "A new password",
	"account/register":     "Register",
	"account/sign-in":      "Sign in",
	"account/users":        "Users",
}

func (a *accounts) page(c *gin.Context) accountPage {
	p := accountPage{page: newPage(c, ""), Mail: a.mail != nil, Next: wanted(c),
		Email: shortened(c.Request.FormValue("email")), Token: shortened(c.Request.FormValue("token"))}
	if u := signedIn(c); u != nil {
		p.Admin = u.Admin
	}
	return p
}

// shortened cuts text that a form shows again, because the page is built in memory.
func shortened(text string) string { return strings.ToValidUTF8(text[:min(len(text), 1000)], "") }

func (a *accounts) show(name string) gin.HandlerFunc {
	return func(c *gin.Context) { a.render(c, http.StatusOK, name, a.page(c)) }
}

// showInvalid shows a form again, with what is wrong with its fields. It returns an error that is about no field.
func (a *accounts) showInvalid(c *gin.Context, name string, err error) error {
	if kit.FieldErrors(err) == nil {
		return err
	}
	p := a.page(c)
	p.Err = err
	a.render(c, http.StatusUnprocessableEntity, name, p)
	return nil
}

func (a *accounts) render(c *gin.Context, status int, name string, p accountPage) {
	p.Title = accountTitles[name]
	c.Header("Cache-Control", "no-store") // another visitor must not see it
	c.HTML(status, name, p)
}

func (a *accounts) showUsers(c *gin.Context) error {
	all, err := a.users.all()
	if err != nil {
		return err
	}
	p := a.page(c)
	p.Users = all
	a.render(c, http.StatusOK, "account/users", p)
	return nil
}
