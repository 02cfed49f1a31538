package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

// An example to build on or to remove: visitors register, sign in and out, change a password, and replace a forgotten
// one. /account is a page for users, /account/users one for admins. Two commands remove all of it:
//
//	rm -r handlers/account*.go web/templates/account
//	sed -i.bak /account/d handlers/routes.go handlers/site.go web/templates/home.html web/templates/layout.html && rm */*.bak */*/*.bak && go mod tidy

var accountSettings = []kit.Setting{
	{Name: "ACCOUNT_ADMINS", About: "E-mail addresses of the admins, separated by commas.", Check: checkAdmins},
	{Name: "SESSION_STORE", About: "A Redis URL for users and sessions. Unset: ACME_CACHE if that is one, else a file in DATA_DIR.",
		Check: checkStore, Secret: true},
}

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
	if err != nil {
		return err
	}
	a.job = server.Go
	server.Go("remove expired sessions", a.sessions.sweep)
	server.OnStop(func(context.Context) error { return a.sessions.close() })
	try := middleware.RateLimit(20, time.Minute) // by the visitor's address, whatever the account

	r.Use(kit.E(a.load))
	r.GET("/register", a.show("account/register"))
	r.POST("/register", try, kit.E(a.register))
	r.GET("/sign-in", a.show("account/sign-in"))
	r.POST("/sign-in", try, kit.E(a.signIn))
	r.POST("/sign-out", kit.E(a.signOut))
	r.GET("/forgotten", a.show("account/forgotten"))
	r.POST("/forgotten", try, kit.E(a.forgotten))
	r.GET("/new-password", a.show("account/new-password"))
	r.POST("/new-password", try, kit.E(a.replacePassword))

	own := r.Group("/account", onlyUsers)
	own.GET("", a.show("account/account"))
	own.POST("/password", try, kit.E(a.changePassword))
	own.GET("/users", kit.E(a.onlyAdmins), kit.E(a.list))
	return nil
}

// newAccounts opens what the server and the command share.
func newAccounts(p kit.Program) (*accounts, error) {
	a := &accounts{site: siteURL(p), hashes: newHashes(), admins: map[string]bool{}}
	for _, address := range admins(p.Setting("ACCOUNT_ADMINS")) {
		a.admins[address] = true
	}
	var err error
	a.users, a.sessions, err = openAccounts(p)
	return a, err
}

// load finds out who is signed in, for the handlers and for the layout.
func (a *accounts) load(c *gin.Context) error {
	u, err := a.sessions.user(c, a.users)
	if u != nil {
		c.Set(signedInKey, u)
		c.Set("user", u.Email)
		c.Header("Cache-Control", "no-store") // the layout names the user
	}
	return err
}

const signedInKey = "account"

// signedIn returns the user of a request, or nil.
func signedIn(c *gin.Context) *user {
	u, _ := c.Value(signedInKey).(*user)
	return u
}

func onlyUsers(c *gin.Context) {
	if signedIn(c) == nil {
		c.Redirect(http.StatusSeeOther, "/sign-in")
		c.Abort()
	}
}

func (a *accounts) onlyAdmins(c *gin.Context) error {
	if !a.admins[signedIn(c).Email] {
		return kit.Status(http.StatusForbidden, "This page is for admins")
	}
	return nil
}

// accountPage is what the pages of the example show.
type accountPage struct {
	page
	Email string // of who is signed in, or as it was entered
	Token string // of a link for a new password
	Admin bool
	Mail  bool // links come by mail
	Users []user
	Err   error // what is wrong with the input
}

func (a *accounts) page(c *gin.Context) accountPage {
	p := accountPage{page: newPage(c, "Account"), Email: c.Query("email"), Token: c.Query("token"), Mail: a.mail != nil}
	if u := signedIn(c); u != nil {
		p.Email, p.Admin = u.Email, a.admins[u.Email]
	}
	return p
}

func (a *accounts) show(name string) gin.HandlerFunc {
	return func(c *gin.Context) { a.render(c, http.StatusOK, name, a.page(c)) }
}

// again shows a form again, with what is wrong with it.
func (a *accounts) again(c *gin.Context, name, email string, err error) error {
	if kit.FieldErrors(err) == nil {
		return err
	}
	p := a.page(c)
	p.Email, p.Token, p.Err = email, c.PostForm("token"), err
	a.render(c, http.StatusUnprocessableEntity, name, p)
	return nil
}

func (a *accounts) render(c *gin.Context, status int, name string, p accountPage) {
	c.Header("Cache-Control", "no-store") // another visitor must not see it
	c.HTML(status, name, p)
}

func (a *accounts) list(c *gin.Context) error {
	all, err := a.users.all()
	if err != nil {
		return err
	}
	p := a.page(c)
	p.Users = all
	a.render(c, http.StatusOK, "account/users", p)
	return nil
}
