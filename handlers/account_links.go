package handlers

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

const (
	linkLife  = time.Hour
	mailPause = 30 * time.Minute // between two mails to one account, so that a visitor cannot flood a mailbox
)

// mailer sends a mail. To send links for new passwords by mail, set the field mail in newAccounts.
type mailer interface {
	Send(ctx context.Context, to, subject, text string) error
}

// link lets the account's owner set a new password once. The store has only the hash of its token, so a copy of the
// store gives no access.
type link struct {
	Hash    string
	Expires time.Time
}

var (
	errLink  = kit.Status(http.StatusGone, "This link was used, or it is too old. Ask for a new one")
	errPause = errors.New("the account has a link that is newer than the pause")
)

func (l link) allows(token string) bool {
	return time.Now().Before(l.Expires) && subtle.ConstantTimeCompare([]byte(l.Hash), []byte(hashOf(token))) == 1
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// newLink makes a link by which the owner of an account sets a new password. It replaces an earlier one, unless that is
// newer than pause.
func (a *accounts) newLink(email string, pause time.Duration) (string, error) {
	if a.site == "" {
		return "", errors.New("a link has to lead to the site: set DOMAINS, or in development a port in HTTPS_ADDR")
	}
	token := rand.Text()
	_, err := a.users.update(email, func(u *user) error {
		if made := u.Link.Expires.Add(-linkLife); time.Since(made) < pause {
			return errPause
		}
		u.Link = link{hashOf(token), time.Now().Add(linkLife)}
		return nil
	})
	return a.site + "/new-password?" + url.Values{"email": {email}, "token": {token}}.Encode(), err
}

// forgotten sends a link by mail. The response is the same, and as fast, if the address has no account, and if a mail
// went there a moment ago. That earlier link stays valid.
func (a *accounts) forgotten(c *gin.Context) error {
	var in struct {
		Email string `form:"email" binding:"required,email,max=254"`
	}
	if err := kit.Bind(c, &in); err != nil {
		return a.showInvalid(c, "account/forgotten", err)
	}
	a.job("mail a link for a new password", func(ctx context.Context) error {
		address := normalAddress(in.Email)
		to, err := a.newLink(address, mailPause)
		if errors.Is(err, errNoUser) || errors.Is(err, errPause) {
			return nil
		} else if err != nil {
			return err
		}
		return a.mail.Send(ctx, address, "A new password", "Set a new password within an hour: "+to)
	})
	kit.Flash(c, "If the address has an account, a mail is on its way, or came within the last half hour.")
	c.Redirect(http.StatusSeeOther, "/sign-in")
	return nil
}

// showLink shows the form for a new password. It does not use the link up, because scanners of mail follow links too.
func (a *accounts) showLink(c *gin.Context) error {
	u, err := a.users.find(normalAddress(c.Query("email")))
	if err == nil && (u == nil || !u.Link.allows(c.Query("token"))) {
		err = errLink
	}
	if err == nil {
		a.render(c, http.StatusOK, "account/new-password", a.page(c))
	}
	return err
}

func (a *accounts) replacePassword(c *gin.Context) error {
	var in struct {
		Email string `form:"email"`
		Token string `form:"token"`
		newPassword
	}
	if err := kit.Bind(c, &in); err != nil {
		return a.showInvalid(c, "account/new-password", err)
	}
	err := a.setPassword(c, normalAddress(in.Email), in.Password, func(u *user) error {
		if !u.Link.allows(in.Token) {
			return errLink
		}
		u.Proved = true
		return nil
	})
	if errors.Is(err, errNoUser) {
		return errLink
	}
	return err
}

// accountCommands may run while the server runs: bin/NAME account ada@example.com
var accountCommands = []kit.Command{{
	Name: "account", About: "EMAIL: print a link for a new password; make the account if there is none",
	Run: func(_ context.Context, call kit.Call) error {
		if len(call.Args) != 1 || !strings.Contains(call.Args[0], "@") {
			return errors.New("account needs one email address")
		}
		a, err := newAccounts(call)
		if err != nil {
			return err
		}
		defer a.users.store.Close()
		u := user{Email: normalAddress(call.Args[0]), Since: time.Now()}
		if err := a.users.create(u); err != nil && !errors.Is(err, errTaken) {
			return err
		}
		to, err := a.newLink(u.Email, 0)
		if err != nil {
			return err
		}
		fmt.Fprintf(call.Stdout, "%s\n\nIt works once, for an hour.\n", to)
		if strings.HasPrefix(to, "https://localhost:8443/") && call.Setting("HTTPS_ADDR") == "" {
			fmt.Fprintln(call.Stdout, "If make dev has taken another port than 8443, write that into the link.")
		}
		return nil
	},
}}

// siteURL is where links lead: to the first of DOMAINS, or in development to this machine. It is "" if that is not
// known.
func siteURL(p kit.Program) string {
	host, port, _ := net.SplitHostPort(cmp.Or(p.Setting("HTTPS_ADDR"), "localhost:8443"))
	if p.Production() || p.Setting("TLS_MODE") == "proxy" {
		domain, _, _ := strings.Cut(p.Setting("DOMAINS"), ",")
		host, port = strings.TrimSpace(domain), "443"
	} else if host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
	}
	if host == "" || port == "0" {
		return ""
	}
	return strings.TrimSuffix("https://"+net.JoinHostPort(host, port), ":443")
}
