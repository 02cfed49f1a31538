package handlers

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/kit"
)

// outbox is a mail server that waits until the test takes the mail.
type outbox chan string

func (o outbox) Send(ctx context.Context, to, _, text string) error {
	select {
	case o <- to + ": " + text:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startWithMail starts the site with a mail server. Visitors come from the address that from says.
func startWithMail(t *testing.T) (*apptest.Site, *accounts, outbox) {
	t.Helper()
	var a *accounts
	mails := make(outbox)
	site := Site
	site.BodyLimits, site.BodyTypes = nil, nil // of routes that are not there
	site.Routes = func(r *gin.Engine, server kit.Server) (err error) {
		if a, err = newAccounts(server); err == nil {
			a.mail = mails
			a.routes(r, server)
		}
		return err
	}
	return apptest.Start(t, site, "TRUSTED_PROXIES=127.0.0.1,::1"), a, mails
}

func forget(visitor *apptest.Site, email, from string) *apptest.Answer {
	return visitor.PostForm("/forgotten", url.Values{"email": {email}},
		"X-Forwarded-For", from, "X-Forwarded-Proto", "https")
}

// Strangers must not learn who has an account, neither from the answer nor from how long it takes.
func TestAForgottenPasswordIsAnsweredAlikeWithAndWithoutAnAccount(t *testing.T) {
	t.Parallel()
	site, _, mails := startWithMail(t)
	ada := address("ada")
	register(t, site.Visitor(), ada)
	said := func(email string) string {
		answer := forget(site.Visitor(), email, "192.0.2.1")
		return fmt.Sprint(answer.Status, answer.Header.Get("Location"), answer.Header["Set-Cookie"], answer.Body)
	}
	want := said(ada) // while the mail server takes no mail
	for _, email := range []string{address("nobody"), ada} {
		if got := said(email); got != want {
			t.Errorf("%s got\n%s, want\n%s", email, got, want)
		}
	}
	<-mails
}

// A stranger may ask in the name of a user, again and again and from many addresses.
func TestNoStrangerFillsAMailbox(t *testing.T) {
	t.Parallel()
	site, a, mails := startWithMail(t)
	ada := address("ada")
	register(t, site.Visitor(), ada)
	ask := func(from string) {
		t.Helper()
		if got := forget(site, strings.ToUpper(ada), from); got.Status != 303 {
			t.Fatalf("%s got %d\n%s", from, got.Status, got.Body)
		}
	}
	ask("192.0.2.1")
	mail := <-mails
	for i := range 30 {
		ask(fmt.Sprint("198.51.100.", i))
	}
	link := mustParse(t, regexp.MustCompile(`https://\S+`).FindString(mail))
	if answer := setPassword(t, site.Visitor(), link); answer.Status != 303 {
		t.Errorf("the link of the mail got %d after others had asked", answer.Status)
	}

	// The operator's link is not replaced either. A mail is sent again after the pause.
	if _, err := a.newLink(ada, 0); err != nil {
		t.Fatal(err)
	}
	ask("192.0.2.2")
	_, err := a.users.update(ada, func(u *user) error {
		u.Link.Expires = u.Link.Expires.Add(-mailPause - time.Second)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ask("192.0.2.3")
	<-mails
	go func() {
		for extra := range mails {
			t.Errorf("one more mail: %s", extra)
		}
	}()
	site.Stop() // waits for all jobs
	close(mails)
}

func TestALinkIsValidForAnHour(t *testing.T) {
	t.Parallel()
	site, a, _ := startWithMail(t)
	ada := address("ada")
	register(t, site, ada)
	for age, want := range map[time.Duration]int{linkLife + time.Second: 410, linkLife - time.Minute: 303} {
		made, err := a.newLink(ada, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.users.update(ada, func(u *user) error { u.Link.Expires = u.Link.Expires.Add(-age); return nil })
		if answer := setPassword(t, site.Visitor(), mustParse(t, made)); answer.Status != want || err != nil {
			t.Errorf("a link of %s got %d, want %d: %v", age, answer.Status, want, err)
		}
	}
}

func TestOneAddressAsksForFewMails(t *testing.T) {
	t.Parallel()
	site, _, _ := startWithMail(t)
	for n := range 10 {
		if got := forget(site, address("ada"), "192.0.2.1"); got.Status != 303 {
			t.Errorf("mail %d got %d", n+1, got.Status)
		}
	}
	if got := forget(site, address("eve"), "192.0.2.1"); got.Status != 429 {
		t.Errorf("one more got %d, want 429", got.Status)
	}
	if got := forget(site, address("eve"), "192.0.2.2"); got.Status != 303 {
		t.Errorf("from elsewhere it got %d", got.Status)
	}
}
