package tlsconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"

	redigo "github.com/gomodule/redigo/redis"
)

// redisPrefix keeps our keys apart from others in the same database.
const redisPrefix = "turnkey:"

// redis is a store in Redis, for machines without a disk that lasts. It holds private keys, so the server should be
// reached over rediss:// or a private network. Calls are rare, and each has a connection of its own.
type redis struct{ url string }

// isRedis says whether ACME_CACHE names a Redis server rather than a directory.
func isRedis(where string) bool {
	return strings.HasPrefix(where, "redis://") || strings.HasPrefix(where, "rediss://")
}

// redactedCache is ACME_CACHE without a password.
func redactedCache(where string) string {
	if !isRedis(where) {
		return where
	}
	u, err := url.Parse(where)
	if err != nil {
		return strings.SplitN(where, "://", 2)[0] + "://…"
	}
	return u.Redacted()
}

func (r redis) do(ctx context.Context, command string, args ...any) (any, error) {
	conn, err := redigo.DialURLContext(ctx, r.url, redigo.DialConnectTimeout(5*time.Second))
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	defer conn.Close()
	reply, err := redigo.DoContext(conn, ctx, command, args...)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	return reply, nil
}

func (r redis) get(ctx context.Context, name string) ([]byte, error) {
	reply, err := r.do(ctx, "GET", redisPrefix+name)
	data, err := redigo.Bytes(reply, err)
	if errors.Is(err, redigo.ErrNil) {
		return nil, fs.ErrNotExist
	}
	return data, err
}

func (r redis) put(ctx context.Context, name string, data []byte) error {
	_, err := r.do(ctx, "SET", redisPrefix+name, data)
	return err
}

func (r redis) rename(ctx context.Context, from, to string) error {
	_, err := r.do(ctx, "RENAME", redisPrefix+from, redisPrefix+to)
	return err
}

func (r redis) remove(ctx context.Context, name string) error {
	_, err := r.do(ctx, "DEL", redisPrefix+name)
	return err
}
