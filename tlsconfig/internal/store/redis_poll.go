package store

import (
	"context"
	"sync"

	redigo "github.com/gomodule/redigo/redis"
)

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
