package store

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// redisPrefix keeps our keys apart from the keys of other programs in the same database.
const redisPrefix = "turnkey:"

// redis is a backend in Redis or Valkey, for machines without a lasting disk. It holds private keys, so the server
// should be reached by rediss:// or over a private network. Calls are rare, so each opens a connection. Only changes
// keeps one.
type redis struct {
	url    string
	caFile string // empty: the system's roots
	poll   *keptConn
}

func (c Config) redis() redis { return redis{c.Where, c.CAFile, &keptConn{}} }

// IsRedis reports whether ACME_CACHE names a Redis or Valkey server and not a directory.
func IsRedis(where string) bool {
	switch scheme, _, _ := strings.Cut(where, "://"); scheme {
	case "redis", "rediss", "valkey", "valkeys":
		return len(scheme) < len(where)
	}
	return false
}

func (r redis) overTLS() bool {
	return strings.HasPrefix(r.url, "rediss:") || strings.HasPrefix(r.url, "valkeys:")
}

var redisDatabase = regexp.MustCompile(`^(/[0-9]{0,3})?$`)

// address parses the URL. Its errors do not quote the URL, because it may hold a password. Those of net/url and redigo
// do.
func (r redis) address() (*url.URL, error) {
	u, err := url.Parse(r.url)
	if err != nil || u.Opaque+u.RawQuery+u.Fragment != "" || !redisDatabase.MatchString(u.Path) {
		return nil, errors.New("is not the URL of a Redis server")
	}
	if u.Hostname() == "" || strings.Contains(u.Host, ",") {
		return nil, errors.New("is not the URL of a Redis server: it has to name one host")
	}
	if n, err := strconv.ParseUint(cmp.Or(u.Port(), "6379"), 10, 16); err != nil || n == 0 {
		return nil, errors.New("is not the URL of a Redis server: its port is not one from 1 to 65535")
	}
	return u, nil
}

const encodePassword = "in the password write %2F for /, %23 for #, %25 for %, %3F for ? and %40 for @"

// dial opens a connection. It reads the roots each time, so that new ones need no restart.
func (r redis) dial(ctx context.Context) (redigo.Conn, error) {
	if _, err := r.address(); err != nil {
		return nil, fmt.Errorf("redis: ACME_CACHE %w", err)
	}
	config, err := r.tlsConfig()
	if err != nil {
		return nil, err
	}
	conn, err := redigo.DialURLContext(ctx, r.url, redigo.DialConnectTimeout(timeout), redigo.DialTLSConfig(config),
		redigo.DialTLSHandshakeTimeout(3*time.Second)) // Redis without TLS does not answer a TLS hello at all
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	return conn, nil
}

func (r redis) tlsConfig() (*tls.Config, error) {
	if r.caFile == "" {
		return &tls.Config{}, nil
	}
	pool, err := cert.ReadPool(r.caFile)
	if err != nil {
		return nil, fmt.Errorf("ACME_CACHE_CA_FILE %s: %w", r.caFile, err)
	}
	return &tls.Config{RootCAs: pool}, nil
}

func (r redis) do(ctx context.Context, command string, args ...any) (any, error) {
	conn, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return ask(ctx, conn, command, args...)
}

func ask(ctx context.Context, conn redigo.Conn, command string, args ...any) (any, error) {
	reply, err := redigo.DoContext(conn, ctx, command, args...)
	if err != nil {
		err = fmt.Errorf("redis: %w", err)
	}
	return reply, err
}

func (r redis) get(ctx context.Context, name string) ([]byte, error) {
	reply, err := r.do(ctx, "GET", redisPrefix+name)
	data, err := redigo.Bytes(reply, err)
	if errors.Is(err, redigo.ErrNil) {
		return nil, fs.ErrNotExist
	}
	return data, err
}

func (r redis) rename(ctx context.Context, from, to string) error {
	_, err := r.do(ctx, "RENAME", redisPrefix+from, redisPrefix+to)
	return err
}

func (r redis) close() { r.poll.close() }

func (r redis) remove(ctx context.Context, name string) error {
	_, err := r.do(ctx, "DEL", redisPrefix+name)
	return err
}

// keptConn is a connection for commands that come every few seconds, so that each does not open one: with TLS that
// would be a handshake. It is safe for concurrent use. A command that finds it in use opens one of its own.
type keptConn struct {
	mu     sync.Mutex
	conn   redigo.Conn // nil: none is open, or it is in use
	closed bool
}

// do sends a command. A connection that has failed meanwhile, as after a restart of the server, is opened again.
func (k *keptConn) do(ctx context.Context, dial func(context.Context) (redigo.Conn, error), command string,
	args ...any) (any, error) {
	if conn := k.take(); conn != nil {
		reply, err := ask(ctx, conn, command, args...)
		if conn.Err() == nil || ctx.Err() != nil {
			k.giveBack(conn)
			return reply, err
		}
		conn.Close()
	}
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	defer k.giveBack(conn)
	return ask(ctx, conn, command, args...)
}

func (k *keptConn) take() redigo.Conn {
	k.mu.Lock()
	defer k.mu.Unlock()
	conn := k.conn
	k.conn = nil
	return conn
}

func (k *keptConn) giveBack(conn redigo.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || k.conn != nil || conn.Err() != nil {
		conn.Close()
		return
	}
	k.conn = conn
}

// close closes the connection, and one that is in use when its command has ended.
func (k *keptConn) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	if k.conn != nil {
		k.conn.Close()
		k.conn = nil
	}
}
