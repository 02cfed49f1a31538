package server

import (
	"errors"
	"log/slog"
	"math"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/turnkey/app/internal/ports"
)

// descriptors keeps some of this process's file descriptors free for new connections, files, stores and the ACME
// server. Near the limit it closes the connections that have been idle longest. Without it, a thousand silent clients
// would keep all other clients out until their timeouts.
type descriptors struct {
	log       *slog.Logger
	conns     *conns
	nearLimit int           // a descriptor with this number or a higher one is too near the limit
	limit     uint64        // how many descriptors the process may have
	refused   atomic.Uint64 // accepts that found no free descriptor since the last report
	closed    atomic.Uint64 // connections closed since the last report, to free their descriptors
}

// newDescriptors reads the limit of the process. The Go runtime has already raised it as far as this user may.
func newDescriptors(log *slog.Logger, c *conns) *descriptors {
	limit := min(ports.DescriptorLimit(), math.MaxInt32)
	reserve := min(max(limit/8, 16), 256, limit/2)
	return &descriptors{log: log, conns: c, limit: limit, nearLimit: int(limit - reserve)}
}

// reservingListener has an Accept that closes idle connections near the limit.
type reservingListener struct {
	net.Listener
	d *descriptors
}

// acceptPause is the wait before the next attempt to find a free descriptor or an idle connection.
const acceptPause = 20 * time.Millisecond

// Accept closes idle connections before the limit is reached. The system gives a new descriptor the lowest free number.
// So the number tells how many are in use, for connections, WebSockets, a database and everything else. If none is
// free, Accept retries after acceptPause. It does not return the error, because net/http would log each retry.
func (l reservingListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		switch {
		case err == nil:
			l.d.makeRoom(descriptorOf(nc) - l.d.nearLimit)
			return nc, nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			l.d.refused.Add(1)
			closed, _ := l.d.conns.closeIdle(now())
			l.d.closed.Add(uint64(closed))
			time.Sleep(acceptPause)
		default:
			return nil, err
		}
	}
}

// makeRoom closes idle connections after an accept. over is how far the number of the new descriptor is above
// nearLimit. makeRoom does nothing if over is below 0, or if more than over connections are already being closed. If no
// connection has been idle long enough, it waits until one has, at most minIdle. Meanwhile new clients wait in the
// system's queue, and visitors who were accepted get their answers.
func (d *descriptors) makeRoom(over int) {
	for over >= 0 && over >= int(d.conns.closing.Load()) {
		closed, wait := d.conns.closeIdle(now())
		d.closed.Add(uint64(closed))
		if closed > 0 || wait == 0 {
			return
		}
		time.Sleep(min(wait, acceptPause))
	}
}

// descriptorOf returns a connection's file descriptor, or -1 if it has none.
func descriptorOf(nc net.Conn) int {
	n := -1
	if s, ok := nc.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { n = int(fd) })
		}
	}
	return n
}

// report logs how many connections were closed and how many accepts waited since the last report, if any.
func (d *descriptors) report() {
	refused, closed := d.refused.Swap(0), d.closed.Swap(0)
	if refused+closed == 0 {
		return
	}
	d.log.Warn("few file descriptors are left; the connections that have been idle longest are closed",
		"limit", d.limit, "closed", closed, "accepts_that_waited", refused,
		"fix", "raise LimitNOFILE= in the systemd unit, or ulimit -n in the shell")
}
