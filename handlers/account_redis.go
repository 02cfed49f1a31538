package handlers

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/alexedwards/scs/redisstore"
	"github.com/gomodule/redigo/redis"
)

// accountsRedis keeps users and sessions in Redis or Valkey, for sites with several replicas. The server has to save
// what it stores (appendonly yes), and must not evict keys.
type accountsRedis struct {
	pool *redis.Pool
	key  string // prefix of all keys: several sites may use one server
}

const redisWait = 2 * time.Second

// openRedis returns the store of the site with a name, at the address in a setting. roots are for TLS, nil for the
// system's. The braces keep its keys on one node of a cluster.
func openRedis(setting, address, site string, roots *x509.CertPool) (*accountsRedis, error) {
	alive := func(c redis.Conn, _ time.Time) error {
		_, err := redis.DoWithTimeout(c, redisWait/8, "PING") // the server may have been restarted
		return err
	}
	pool := &redis.Pool{MaxIdle: 8, IdleTimeout: time.Minute, TestOnBorrow: alive, Dial: func() (redis.Conn, error) {
		return redis.DialURL(address, redis.DialConnectTimeout(redisWait), redis.DialReadTimeout(redisWait),
			redis.DialWriteTimeout(redisWait), redis.DialTLSConfig(&tls.Config{RootCAs: roots}))
	}}
	r := &accountsRedis{pool, "{accounts:" + site + "}:"}
	return r, r.check(setting, address)
}

// storeRoots returns the system's roots and those in a file, if there is one.
func storeRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if pem, err := os.ReadFile(file); err != nil {
		return nil, fmt.Errorf("ACME_CACHE_CA_FILE: %w", err)
	} else if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ACME_CACHE_CA_FILE: %s has no certificate", file)
	}
	return roots, nil
}

// users is the key of a hash: JSON by address.
func (r *accountsRedis) users() string { return r.key + "users" }

func (r *accountsRedis) sessions() *redisstore.RedisStore {
	return redisstore.NewWithPrefix(r.pool, r.key+"session:")
}

func (r *accountsRedis) Close() error { return r.pool.Close() }

func (r *accountsRedis) get(email string) (string, error) {
	data, err := redis.String(r.do("HGET", r.users(), email))
	if errors.Is(err, redis.ErrNil) {
		return "", sql.ErrNoRows
	}
	return data, err
}

func (r *accountsRedis) create(email, data string) error { return r.replace(email, "", data) }

// replaceUser stores a user unless another replica has changed it in the meantime.
var replaceUser = redis.NewScript(1, `if (redis.call("HGET", KEYS[1], ARGV[1]) or "") ~= ARGV[2] then return 0 end
redis.call("HSET", KEYS[1], ARGV[1], ARGV[3])
return 1`)

func (r *accountsRedis) replace(email, old, data string) error {
	conn := r.pool.Get()
	defer conn.Close()
	stored, err := redis.Bool(replaceUser.Do(conn, r.users(), email, old, data))
	if err == nil && !stored {
		return sql.ErrNoRows
	}
	return err
}

func (r *accountsRedis) list() (string, error) {
	all, err := redis.Strings(r.do("HVALS", r.users()))
	return "[" + strings.Join(all, ",") + "]", err
}

func (r *accountsRedis) do(command string, args ...any) (any, error) {
	conn := r.pool.Get()
	defer conn.Close()
	return conn.Do(command, args...)
}
