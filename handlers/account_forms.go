package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// newPassword is a part of the forms that set one.
type newPassword struct {
	Password string `form:"password" binding:"required,min=12,max=1000"`
}

func (a *accounts) register(c *gin.Context) error {
	var in struct {
		Email string `form:"email" binding:"required,email,max=254"`
		newPassword
	}
	if err := kit.Bind(c, &in); err != nil {
		return a.showInvalid(c, "account/register", err)
	}
	u := user{Email: normalAddress(in.Email), Since: time.Now()}
	var err error
	if u.Hash, err = a.hashes.of(in.Password); err == nil {
		err = a.users.create(u)
	}
	if errors.Is(err, errTaken) { // this tells everyone who has an account: if that matters, send a mail instead
		err = kit.Invalid("email", "has an account already")
	}
	if err != nil {
		return a.showInvalid(c, "account/register", err)
	}
	return a.startSession(c, &u, "Welcome. You are signed in.")
}

func (a *accounts) signIn(c *gin.Context) error {
	var in struct {
		Email    string `form:"email" binding:"required,max=254"`
		Password string `form:"password" binding:"required,max=1000"`
	}
	if err := kit.Bind(c, &in); err != nil {
		return a.showInvalid(c, "account/sign-in", err)
	}
	u, err := a.users.find(normalAddress(in.Email))
	if err != nil {
		return err
	}
	if right, err := a.isPassword(c, normalAddress(in.Email), u, in.Password); err != nil {
		return err
	} else if !right {
		err := kit.Invalid("password", "is wrong, or the email address is")
		return a.showInvalid(c, "account/sign-in", err)
	}
	if err := a.renewHash(u, in.Password); err != nil {
		return err
	}
	return a.startSession(c, u, "You are signed in.")
}

// renewHash hashes a password again if its hash was made with other parameters than hashes are made with now.
func (a *accounts) renewHash(u *user, password string) error {
	if strings.HasPrefix(u.Hash, hashBegin) {
		return nil
	}
	hash, err := a.hashes.of(password)
	if err == nil {
		_, err = a.users.update(u.Email, func(now *user) error {
			if now.Hash == u.Hash { // or the password was changed in the meantime
				now.Hash = hash
			}
			return nil
		})
	}
	return err
}

// isPassword compares a password with that of u, which is nil for an address without an account. It takes the same time
// in both cases. It counts each attempt first, and delays repeated ones.
func (a *accounts) isPassword(c *gin.Context, address string, u *user, password string) (bool, error) {
	if err := a.attempts.wait(c.Request.Context(), address, network(c)); err != nil {
		return false, err
	}
	right, err := a.hashes.match(u, password)
	if right {
		a.attempts.forget(address, network(c))
	}
	return right, err
}

// startSession signs a user in, and redirects to the page that the user wanted, or to the account.
func (a *accounts) startSession(c *gin.Context, u *user, message string) error {
	if err := a.sessions.start(c, u); err != nil {
		return err
	}
	kit.Flash(c, message)
	c.Redirect(http.StatusSeeOther, cmp.Or(wanted(c), "/account"))
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
		newPassword
	}
	if err := kit.Bind(c, &in); err != nil {
		return a.showInvalid(c, "account/account", err)
	}
	if right, err := a.isPassword(c, u.Email, u, in.Old); err != nil {
		return err
	} else if !right {
		return a.showInvalid(c, "account/account", kit.Invalid("old", "is wrong"))
	}
	return a.setPassword(c, u.Email, in.Password, func(now *user) error {
		if now.Generation != u.Generation {
			return kit.Status(http.StatusConflict, "The password was changed in the meantime")
		}
		return nil
	})
}

// setPassword sets a password, ends every session of the account, and begins a new session. allowed is called in the
// same transaction, and its error cancels the change.
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
	return a.startSession(c, u, "The new password is set. Other browsers are signed out.")
}
