// Package dev is the server's end of `make dev`. scripts/dev watches the files, and keeps the ports open while one process of the
// server replaces another. It sends edits and orders, and this end reports that it is ready, or why it does not start.
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

// Link connects this process to scripts/dev. A nil *Link, which every other start has, does nothing.
type Link struct {
	Overlay *Overlay // nil in production

	child      *devlink.Child
	lines      *bufio.Reader
	again      bool              // a process before this one serves on the same ports
	addresses  map[string]string // to listen on, as they are set now, by the port's name
	openedFrom map[string]string // and as they were set when the passed sockets were opened
}

var (
	// ErrReplaced is the cause of a context that ended because a newer process serves.
	ErrReplaced = errors.New("the process that was built since serves now")

	errLeft = errors.New("scripts/dev has ended")
)

// Connect returns the link if scripts/dev started this process, else nil. addresses are the settings of the ports by their name.
// From then on the runtime reports a crash to scripts/dev too.
func Connect(lookup func(string) (string, bool), addresses map[string]string, prod bool) *Link {
	if v, _ := lookup("DEV_SUPERVISOR"); v == "" {
		return nil
	}
	os.Unsetenv("DEV_SUPERVISOR") // programs that are started from here have another standard input
	child, err := devlink.Join(os.Stdin)
	if err != nil {
		return nil
	}
	l := &Link{child: child, lines: bufio.NewReader(child), addresses: addresses}
	var first devlink.Order
	if line, err := l.lines.ReadBytes('\n'); err != nil || json.Unmarshal(line, &first) != nil || first.Hello == nil {
		return nil
	}
	l.openedFrom = first.Hello.Addresses
	l.again = first.Hello.Again && maps.Equal(l.addresses, l.openedFrom) // a new port is worth the whole banner
	if f, err := child.CrashFile(); err == nil {
		debug.SetCrashOutput(f, debug.CrashOptions{})
		f.Close()
	}
	if !prod {
		l.Overlay = newOverlay()
	}
	return l
}

// Wanted reports whether an inherited socket is still for the address that is set. If the setting was edited, its port is opened
// anew.
func (l *Link) Wanted(name string) bool {
	return l == nil || l.addresses[name] == l.openedFrom[name]
}

// Again reports whether this process takes over the ports of another. It is silent then: scripts/dev says what came of the edit.
func (l *Link) Again() bool { return l != nil && l.again }

// Follow does what scripts/dev sends. The returned context ends when scripts/dev says so, or has ended.
func (l *Link) Follow(ctx context.Context) context.Context {
	if l == nil {
		return ctx
	}
	ctx, stop := context.WithCancelCause(ctx)
	go func() {
		for {
			line, err := l.lines.ReadBytes('\n')
			if err != nil {
				stop(errLeft)
				return
			}
			var order devlink.Order
			if json.Unmarshal(line, &order) != nil {
				continue
			}
			switch {
			case order.Stop:
				stop(ErrReplaced)
			case order.Problem != nil:
				l.Overlay.report(*order.Problem)
			case len(order.Changed) > 0:
				l.Overlay.changed(order.Changed)
			}
		}
	}()
	return ctx
}

// Socket is an open port with its name.
type Socket struct {
	Name     string
	Listener net.Listener
}

// Ready reports that this process serves, and hands the open ports to scripts/dev.
func (l *Link) Ready(sockets []Socket) error {
	if l == nil {
		return nil
	}
	report := devlink.Report{Ready: true, Addresses: l.addresses}
	var listeners []net.Listener
	for _, s := range sockets {
		report.Sockets, listeners = append(report.Sockets, s.Name), append(listeners, s.Listener)
	}
	return l.child.Send(report, listeners)
}

// Failed reports why this process ends, for the page that is open in a browser. Standard error has it too.
func (l *Link) Failed(why string) {
	if l != nil {
		l.child.Send(devlink.Report{Failed: why}, nil)
	}
}
