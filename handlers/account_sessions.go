package handlers

import (
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

const (
	sessionLife   = 30 * 24 * time.Hour
	sessionCookie = "account" // the browser has __Host-account
)

// sessions finds the signed-in user by a cookie. The store has only the hash of the cookie. A request without the
// cookie does not touch the store, and one with it only reads.
type sessions struct{ *scs.SessionManager }

func newSessions(store scs.Store) *sessions {
	m := scs.New()
	m.Store, m.Lifetime, m.HashTokenInStore = store, sessionLife, true
	return &sessions{m}
}

// user returns who is signed in, or nil.
func (s *sessions) user(c *gin.Context, users users) (*user, error) {
	token := kit.Cookie(c, sessionCookie)
	if token == "" {
		return nil, nil
	}
	ctx, err := s.Load(c.Request.Context(), token)
	if err != nil {
		return nil, away(err)
	}
	email := s.GetString(ctx, "email")
	if email == "" {
		return nil, nil
	}
	u, err := users.find(email)
	if err != nil || u == nil || u.Generation != s.GetInt(ctx, "generation") {
		return nil, err
	}
	return u, nil
}

// start signs a user in. It sets a new cookie, so a cookie that an attacker put into the browser gives no access
// (session fixation).
func (s *sessions) start(c *gin.Context, u *user) error {
	ctx, err := s.Load(c.Request.Context(), kit.Cookie(c, sessionCookie))
	if err != nil {
		return away(err)
	}
	if err := s.RenewToken(ctx); err != nil {
		return away(err)
	}
	s.Put(ctx, "email", u.Email)
	s.Put(ctx, "generation", u.Generation)
	token, expires, err := s.Commit(ctx)
	if err != nil {
		return away(err)
	}
	return kit.SetCookie(c, sessionCookie, token, time.Until(expires))
}

func (s *sessions) end(c *gin.Context) error {
	ctx, err := s.Load(c.Request.Context(), kit.Cookie(c, sessionCookie))
	if err != nil {
		return away(err)
	}
	if err := s.Destroy(ctx); err != nil {
		return away(err) // and the cookie stays: the visitor is still signed in
	}
	return kit.SetCookie(c, sessionCookie, "", -1)
}
