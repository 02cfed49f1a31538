package store

import (
	"context"
	"crypto/rand"
	"path"

	redigo "github.com/gomodule/redigo/redis"
)

// For each name there are beside its files: NAME.lock, the holder; NAME.fence, the fence of the last holder; and
// NAME.stored, the fence of the last one that wrote. A slot has changes: the names in the order of their last write.

// lockScript returns the fence of a new holder, or 0 if another one holds the lock. The fence is higher than all
// before, also after the server has lost one of the two keys.
const lockScript = `
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local fence = 1 + math.max(redis.call('GET', KEYS[2]) or 0, redis.call('GET', KEYS[3]) or 0)
redis.call('SET', KEYS[2], fence)
return fence`

const extendScript = `return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2]) or 0`

const unlockScript = `return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0`

// putScript returns 0 if it did not write the value. It always writes something, so that a read-only server returns an
// error.
const putScript = `
local stored, fence = tonumber(redis.call('GET', KEYS[2]) or 0), tonumber(ARGV[2])
redis.call('SET', KEYS[2], math.max(stored, fence))
if fence < stored then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
if KEYS[3] then
  local last = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')
  redis.call('ZADD', KEYS[3], 1 + (last[2] or 0), ARGV[3])
end
return 1`

type redisLock struct {
	redis      redis
	key, owner string
	number     int64 // the fence
}

func (l redisLock) fence() int64 { return l.number }

func (l redisLock) extend(ctx context.Context) error {
	ours, err := redigo.Bool(l.redis.do(ctx, "EVAL", extendScript, 1, l.key, l.owner, lease.Milliseconds()))
	if err == nil && !ours {
		return ErrLost
	}
	return err
}

func (l redisLock) release(ctx context.Context) error {
	_, err := l.redis.do(ctx, "EVAL", unlockScript, 1, l.key, l.owner)
	return err
}

func (r redis) lock(ctx context.Context, name string) (_ hold, err error) {
	l := redisLock{redis: r, key: redisPrefix + name + ".lock", owner: rand.Text()}
	l.number, err = redigo.Int64(r.do(ctx, "EVAL", lockScript, 3, l.key, redisPrefix+name+".fence",
		redisPrefix+name+".stored", l.owner, lease.Milliseconds()))
	if err == nil && l.number == 0 {
		err = ErrHeld
	}
	return l, err
}

func (r redis) put(ctx context.Context, name, suffix string, data []byte, fence int64) error {
	keys := []any{redisPrefix + name + suffix, redisPrefix + name + ".stored"}
	slot, member := path.Split(name)
	if suffix == ".pem" {
		keys = append(keys, redisPrefix+slot+"changes")
	}
	args := append([]any{putScript, len(keys)}, keys...)
	written, err := redigo.Bool(r.do(ctx, "EVAL", append(args, data, fence, member)...))
	if err == nil && !written {
		return ErrOutdated
	}
	return err
}

func (r redis) changes(ctx context.Context, slot string, since int64) (names []string, now int64, err error) {
	key := redisPrefix + slot + "/changes"
	last, err := redigo.Int64Map(r.poll.do(ctx, r.dial, "ZRANGE", key, -1, -1, "WITHSCORES"))
	for _, now = range last {
	}
	if err != nil || now == since {
		return nil, now, err
	}
	if now < since { // the server has lost them
		since = 0
	}
	names, err = redigo.Strings(r.poll.do(ctx, r.dial, "ZRANGEBYSCORE", key, since, "+inf"))
	return names, now, err
}
