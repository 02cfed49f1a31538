package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/alexedwards/scs/redisstore"
	"github.com/gomodule/redigo/redis"
)

// accountsRedis keeps users and sessions in Redis or Valkey, for sites with several replicas. The server has to keep
// what it is told (appendonly yes), and must not evict keys.
type accountsRedis struct {
	pool *redis.Pool
	key  string // begins all keys: two sites may use one server
}

const redisWait = 5 * time.Second

// openRedis returns the store of the site with a name, at the address in a setting. The braces keep its keys on one node
// of a cluster.
func openRedis(setting, address, site string) (*accountsRedis, error) {
	alive := func(c redis.Conn, idleSince time.Time) error {
		if time.Since(idleSince) < redisWait {
			return nil
		}
		_, err := c.Do("PING") // the server may have been restarted
		return err
	}
	pool := &redis.Pool{MaxIdle: 8, IdleTimeout: time.Minute, TestOnBorrow: alive, Dial: func() (redis.Conn, error) {
		return redis.DialURL(address, redis.DialConnectTimeout(redisWait), redis.DialReadTimeout(redisWait),
			redis.DialWriteTimeout(redisWait))
	}}
	r := &accountsRedis{pool, "{accounts:" + site + "}:"}
	return r, r.check(setting, address)
}

// users is the key of a hash: JSON by address.
func (r *accountsRedis) users() string { return r.key + "users" }

func (r *accountsRedis) sessions() *redisstore.RedisStore {
	return redisstore.NewWithPrefix(r.pool, r.key+"session:")
}

func (r *accountsRedis) sweep(context.Context) error { return nil } // Redis removes what has expired

func (r *accountsRedis) close() error { return r.pool.Close() }

func (r *accountsRedis) find(email string) (*user, error) {
	conn := r.pool.Get()
	defer conn.Close()
	data, err := redis.Bytes(conn.Do("HGET", r.users(), email))
	if errors.Is(err, redis.ErrNil) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	u := new(user)
	return u, json.Unmarshal(data, u)
}

func (r *accountsRedis) create(u user) error {
	conn := r.pool.Get()
	defer conn.Close()
	data, err := json.Marshal(u)
	if err != nil {
		return err
	}
	created, err := redis.Bool(conn.Do("HSETNX", r.users(), u.Email, data))
	if err == nil && !created {
		return errTaken
	}
	return err
}

// replaceUser stores a user unless another replica has changed it in the meantime.
var replaceUser = redis.NewScript(1, `if redis.call("HGET", KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call("HSET", KEYS[1], ARGV[1], ARGV[3])
return 1`)

func (r *accountsRedis) update(email string, change func(*user) error) (*user, error) {
	conn := r.pool.Get()
	defer conn.Close()
	for {
		old, err := redis.Bytes(conn.Do("HGET", r.users(), email))
		if errors.Is(err, redis.ErrNil) {
			return nil, errNoUser
		} else if err != nil {
			return nil, err
		}
		u := new(user)
		if err := json.Unmarshal(old, u); err != nil {
			return nil, err
		}
		if err := change(u); err != nil {
			return nil, err
		}
		data, err := json.Marshal(u)
		if err != nil {
			return nil, err
		}
		if stored, err := redis.Bool(replaceUser.Do(conn, r.users(), email, old, data)); err != nil || stored {
			return u, err
		}
	}
}

func (r *accountsRedis) all() ([]user, error) {
	conn := r.pool.Get()
	defer conn.Close()
	values, err := redis.ByteSlices(conn.Do("HVALS", r.users()))
	if err != nil {
		return nil, err
	}
	out := make([]user, len(values))
	for i, data := range values {
		if err := json.Unmarshal(data, &out[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b user) int { return strings.Compare(a.Email, b.Email) })
	return out, nil
}
