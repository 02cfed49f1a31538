// Package dev is the server's end of `make dev`. scripts/dev watches the files, builds the server, and keeps the ports
// open while one process of the server replaces another. It sends edits and orders. The server reports that it is
// ready, or why it does not start. The open pages show edits and problems (Overlay).
//
// A process that make dev did not start has a nil *Link. The package must not import app/internal/server or
// app/internal/ports.
package dev

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"os"
	"runtime/debug"

	"example.com/turnkey/app/devlink"
)

// Link connects this process to scripts/dev. A nil *Link does nothing.
type Link struct {
	Overlay *Overlay // nil in production

	child      *devlink.Child
	lines      *bufio.Reader
	alone      chan struct{}     // closed by the order that jobs may begin
	again      bool              // a process before this one serves on the same ports
	addresses  map[string]string // present settings of the ports, by the port's name
	openedFrom map[string]string // the settings from which the passed sockets were opened
	frontends  map[string]int    // ports of 127.0.0.1, by the folder of web
}

// ErrReplaced is the cause of a context that ended because a newer process serves.
var ErrReplaced = errors.New("a newer process serves now")

// Connect returns the link if scripts/dev started this process, else nil. addresses are the settings of the ports by
// the port's name. From then on, the Go runtime reports a crash to scripts/dev too.
func Connect(lookup func(string) (string, bool), addresses map[string]string, prod bool) *Link {
	if v, _ := lookup("DEV_SUPERVISOR"); v == "" {
		return nil
	}
	os.Unsetenv("DEV_SUPERVISOR") // programs that this process starts have another standard input
	child, err := devlink.Join(os.Stdin)
	if err != nil {
		return nil
	}
	l := &Link{child: child, lines: bufio.NewReader(child), alone: make(chan struct{}), addresses: addresses}
	var first devlink.Order
	if line, err := l.lines.ReadBytes('\n'); err != nil || json.Unmarshal(line, &first) != nil || first.Hello == nil {
		return nil
	}
	l.openedFrom = first.Hello.Addresses
	// After a change of a port, the banner is printed as at a first start.
	l.again = first.Hello.Again && maps.Equal(l.addresses, l.openedFrom)
	if f, err := child.CrashFile(); err == nil {
		debug.SetCrashOutput(f, debug.CrashOptions{})
		f.Close()
	}
	if !prod {
		l.Overlay = newOverlay()
		text, _ := lookup("DEV_FRONTENDS")
		l.frontends = frontendPorts(text)
	}
	return l
}

// Wanted reports whether an inherited socket was opened for the address that is set now. It was not if the user has
// edited the setting.
func (l *Link) Wanted(name string) bool {
	return l == nil || l.addresses[name] == l.openedFrom[name]
}

// Again reports whether this process takes over the ports of another one. Such a process prints no banner: scripts/dev
// prints the result of the edit.
func (l *Link) Again() bool { return l != nil && l.again }

// Alone returns a channel that is closed once no earlier process of the site runs, so that jobs may begin. For a nil
// *Link it is closed already.
func (l *Link) Alone() <-chan struct{} {
	if l == nil {
		alone := make(chan struct{})
		close(alone)
		return alone
	}
	return l.alone
}

// Follow starts a goroutine that follows the orders of scripts/dev. The returned context ends when scripts/dev orders a
// stop (with the cause ErrReplaced), or has ended itself.
func (l *Link) Follow(ctx context.Context) context.Context {
	if l == nil {
		return ctx
	}
	ctx, stop := context.WithCancelCause(ctx)
	go func() {
		begun := false
		for {
			line, err := l.lines.ReadBytes('\n')
			if err != nil {
				stop(nil)
				return
			}
			var order devlink.Order
			if json.Unmarshal(line, &order) != nil {
				continue
			}
			switch {
			case order.Stop:
				stop(ErrReplaced)
			case order.Begin && !begun:
				begun = true
				close(l.alone)
			case order.Problem != nil:
				l.Overlay.report(*order.Problem)
			case len(order.Changed) > 0:
				l.Overlay.changed(order.Changed)
			}
		}
	}()
	return ctx
}

// Ready reports that this process serves, and passes the open ports to scripts/dev, which keeps them open. names has
// the name of the port of each listener.
func (l *Link) Ready(names []string, listeners []net.Listener) error {
	if l == nil {
		return nil
	}
	return l.child.Send(devlink.Report{Ready: true, Addresses: l.addresses, Sockets: names}, listeners)
}

// Failed reports why this process ends, for the pages that are open in a browser. The caller prints it to standard
// error as well.
func (l *Link) Failed(why string) {
	if l != nil {
		l.child.Send(devlink.Report{Failed: why}, nil)
	}
}
