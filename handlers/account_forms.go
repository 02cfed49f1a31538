package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

func (a *accounts) register(c *gin.Context) error {
	var in struct {
		Email    string `form:"email" binding:"required,email,max=254"`
		Password string `form:"password" binding:"required,min=12,max=1000"`
	}
	if err := kit.Bind(c, &in); err != nil {
		return a.again(c, "account/register", in.Email, err)
	}
	u := user{Email: normalAddress(in.Email), Since: time.Now()}
	err := errTaken
	if !a.admins[u.Email] { // no mail proves the address here, so a stranger could become the admin
		if u.Hash, err = a.hashes.of(in.Password); err == nil {
			err = a.users.create(u)
		}
	}
	if errors.Is(err, errTaken) {
		err = kit.Invalid("email", "has an account already")
	}
	if err != nil {
		return a.again(c, "account/register", in.Email, err)
	}
	return a.enter(c, &u, "Welcome. You are signed in.")
}

func (a *accounts) signIn(c *gin.Context) error {
	var in struct {
		Email    string `form:"email" binding:"required,max=254"`
		Password string `form:"password" binding:"required,max=1000"`
	}
	if err := kit.Bind(c, &in); err != nil {
		return a.again(c, "account/sign-in", in.Email, err)
	}
	u, err := a.users.find(normalAddress(in.Email))
	if err != nil {
		return err
	}
	if right, err := a.isPassword(c, normalAddress(in.Email), u, in.Password); err != nil {
		return err
	} else if !right {
		err := kit.Invalid("password", "or e-mail address is wrong")
		return a.again(c, "account/sign-in", in.Email, err)
	}
	return a.enter(c, u, "You are signed in.")
}

// isPassword compares a password with that of u, which is nil for an address without an account: that takes as long.
// Each wrong password makes the next attempt wait longer.
func (a *accounts) isPassword(c *gin.Context, address string, u *user, password string) (bool, error) {
	if err := a.attempts.wait(c.Request.Context(), address, c.ClientIP()); err != nil {
		return false, err
	}
	right, err := a.hashes.match(u, password)
	if right {
		a.attempts.forget(address, c.ClientIP())
	}
	return right, err
}

// enter begins a session, and leads to the account.
func (a *accounts) enter(c *gin.Context, u *user, message string) error {
	if err := a.sessions.start(c, u); err != nil {
		return err
	}
	kit.Flash(c, message)
	c.Redirect(http.StatusSeeOther, "/account")
	return nil
}

func (a *accounts) signOut(c *gin.Context) error {
	if err := a.sessions.end(c); err != nil {
		return err
	}
	kit.Flash(c, "You are signed out.")
	c.Redirect(http.StatusSeeOther, "/")
	return nil
}

func (a *accounts) changePassword(c *gin.Context) error {
	u := signedIn(c)
	var in struct {
		Old string `form:"old" binding:"required,max=1000"`
		New string `form:"password" binding:"required,min=12,max=1000"`
	}
	if err := kit.Bind(c, &in); err != nil {
		return a.again(c, "account/account", u.Email, err)
	}
	if right, err := a.isPassword(c, u.Email, u, in.Old); err != nil {
		return err
	} else if !right {
		return a.again(c, "account/account", u.Email, kit.Invalid("old", "is not your password"))
	}
	return a.setPassword(c, u.Email, in.New, func(*user) error { return nil })
}

// setPassword sets a password, which ends every session of the account, and begins a new one. It asks allowed in the
// transaction that sets it.
func (a *accounts) setPassword(c *gin.Context, email, password string, allowed func(*user) error) error {
	hash, err := a.hashes.of(password)
	if err != nil {
		return err
	}
	u, err := a.users.update(email, func(u *user) error {
		if err := allowed(u); err != nil {
			return err
		}
		u.Hash, u.Generation, u.Link = hash, u.Generation+1, link{}
		return nil
	})
	if err != nil {
		return err
	}
	return a.enter(c, u, "The new password is set. Other browsers are signed out.")
}
