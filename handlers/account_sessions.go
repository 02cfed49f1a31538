package handlers

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

const (
	sessionLife   = 30 * 24 * time.Hour
	sessionCookie = "session" // the browser has __Host-session
)

// sessions tell by a cookie who is signed in. The store has only the hash of the cookie. A request without the cookie
// asks no store, and one with it only reads.
type sessions struct {
	*scs.SessionManager
	sweepStore func() error // nil: the store forgets by itself
	close      func() error
}

func newSessions(store scs.Store, sweep, closeStore func() error) *sessions {
	m := scs.New()
	m.Store, m.Lifetime, m.HashTokenInStore = store, sessionLife, true
	return &sessions{m, sweep, closeStore}
}

// user returns who is signed in, or nil.
func (s *sessions) user(c *gin.Context, users users) (*user, error) {
	token := kit.Cookie(c, sessionCookie)
	if token == "" {
		return nil, nil
	}
	ctx, err := s.Load(c.Request.Context(), token)
	if err != nil {
		return nil, err
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

// start signs a user in. The cookie is a new one, so a cookie that a stranger put into the browser is worth nothing.
func (s *sessions) start(c *gin.Context, u *user) error {
	ctx, err := s.Load(c.Request.Context(), kit.Cookie(c, sessionCookie))
	if err != nil {
		return err
	}
	if err := s.RenewToken(ctx); err != nil {
		return err
	}
	s.Put(ctx, "email", u.Email)
	s.Put(ctx, "generation", u.Generation)
	token, expires, err := s.Commit(ctx)
	if err != nil {
		return err
	}
	return kit.SetCookie(c, sessionCookie, token, time.Until(expires))
}

func (s *sessions) end(c *gin.Context) error {
	ctx, err := s.Load(c.Request.Context(), kit.Cookie(c, sessionCookie))
	if err != nil {
		return err
	}
	return errors.Join(s.Destroy(ctx), kit.SetCookie(c, sessionCookie, "", -1))
}

// sweep removes expired sessions every hour, until ctx ends.
func (s *sessions) sweep(ctx context.Context) error {
	if s.sweepStore == nil {
		return nil
	}
	for {
		if err := s.sweepStore(); err != nil {
			slog.ErrorContext(ctx, "expired sessions stay in the store", "error", err)
		}
		select {
		case <-time.After(time.Hour):
		case <-ctx.Done():
			return nil
		}
	}
}
