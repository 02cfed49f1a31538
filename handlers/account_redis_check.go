package handlers

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

const redisCommands = "+get +set +del +pexpireat +multi +exec +hget +hset +hvals +eval +evalsha +ping +select"

// check stores an account and a session for a moment. It returns an error if the server refuses that. Any other error
// is only logged: a server that does not answer may be back before the first visitor comes.
func (r *accountsRedis) check(setting, address string) error {
	u, _ := url.Parse(address)
	err := r.tryAll()
	answer, _ := errors.AsType[redis.Error](err)
	kind, words, _ := strings.Cut(string(answer), " ")
	switch {
	case err == nil:
		return nil
	case !slices.Contains([]string{"NOPERM", "WRONGPASS", "NOAUTH", "ERR"}, kind),
		strings.Contains(words, "max number of clients"):
		slog.Warn("the store of accounts does not answer, so no visitor can sign in", "setting", setting, "host", u.Host,
			"error", err)
		return nil
	case strings.Contains(words, "permission"): // other answers may repeat the password
		kind += ": " + words
	}
	return fmt.Errorf("%s: the Redis server at %s keeps no accounts for this user (%s); correct user and password in "+
		"the URL, set SESSION_STORE to another server, or give the user these rights: ACL SETUSER %s ~%s* %s",
		setting, u.Host, kind, cmp.Or(u.User.Username(), "default"), r.key, redisCommands)
}

// tryAll sends every command that the site needs, with keys of its own.
func (r *accountsRedis) tryAll() error {
	own := accountsRedis{r.pool, r.key + "check:" + rand.Text() + ":"}
	sessions := own.sessions()
	if _, err := own.do("DEL", own.users()); err != nil { // first: a user who may not would leave the account behind
		return err
	}
	defer own.do("DEL", own.users())
	for _, try := range []func() error{
		func() error { return own.create("check", "{}") },
		func() error { _, err := own.get("check"); return err },
		func() error { _, err := own.list(); return err },
		func() error { return sessions.Commit("check", nil, time.Now().Add(time.Minute)) },
		func() error { _, _, err := sessions.Find("check"); return err },
		func() error { return sessions.Delete("check") },
	} {
		if err := try(); err != nil {
			return err
		}
	}
	return nil
}
