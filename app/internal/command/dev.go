package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"runtime/debug"
	"slices"
)

// dev is the end in this process of what `make dev` does: scripts/dev started it, watches the files, and keeps the
// sockets open while one process takes the place of another. It tells of changes on standard input, a line of JSON
// each; there this process says in turn that it is ready, or why it will never be. Every other start has nil, which
// does nothing.
type dev struct {
	again      bool              // a process before this one serves on the same ports
	addresses  map[string]string // to listen on, as they are set now, by socket name
	openedFrom map[string]string // and as they were set when the passed sockets were opened
	up         devChannel        // nil where sockets cannot be passed
	pages      *devPages         // nil in production
}

// devChannel is the way up to scripts/dev.
type devChannel interface {
	send(m devReport, l listeners) error
	crashFile() (*os.File, error) // where the runtime's last words go, beside standard error
}

// devOrder is one line from scripts/dev.
type devOrder struct {
	Hello *struct {
		Again     bool              `json:"again"`
		Addresses map[string]string `json:"addresses"`
	} `json:"hello"`
	Changed []string    `json:"changed"` // files of web, with slashes
	Problem *devProblem `json:"problem"` // without a title: it is over
	Stop    bool        `json:"stop"`
}

// devReport is one line to scripts/dev.
type devReport struct {
	Ready     bool              `json:"ready,omitempty"`
	Sockets   []string          `json:"sockets,omitempty"` // names of the descriptors that come with this line
	Addresses map[string]string `json:"addresses,omitempty"`
	Failed    string            `json:"failed,omitempty"`
}

// devProblem is why an edit does not show.
type devProblem struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

var (
	errReplaced = errors.New("the process that was built since serves now")
	errLeft     = errors.New("scripts/dev has ended")
)

// joinDev finds out whether scripts/dev started this process. The returned context ends when it says so or is gone.
func joinDev(ctx context.Context, cfg *config, lookup func(string) (string, bool)) context.Context {
	if v, _ := lookup("DEV_SUPERVISOR"); v == "" {
		return ctx
	}
	os.Unsetenv("DEV_SUPERVISOR") // programs that are started from here have another standard input
	down, up, err := openDevChannel(os.Stdin)
	if err != nil {
		return ctx
	}
	lines := bufio.NewReader(down)
	var first devOrder
	if line, err := lines.ReadBytes('\n'); err != nil || json.Unmarshal(line, &first) != nil || first.Hello == nil {
		return ctx
	}
	d := &dev{openedFrom: first.Hello.Addresses, up: up,
		addresses: map[string]string{"https": cfg.httpsAddr, "http": cfg.httpAddr, "admin": cfg.adminAddr}}
	d.again = first.Hello.Again && maps.Equal(d.addresses, d.openedFrom) // a new port is worth the whole banner
	if up != nil {
		if f, err := up.crashFile(); err == nil {
			debug.SetCrashOutput(f, debug.CrashOptions{})
			f.Close()
		}
	}
	if !cfg.prod {
		d.pages = newDevPages()
	}
	cfg.dev = d
	ctx, stop := context.WithCancelCause(ctx)
	go d.follow(lines, stop)
	return ctx
}

// wanted closes passed sockets whose setting was another one: it was edited since, and its port is opened anew.
func (d *dev) wanted(sockets []passedSocket) []passedSocket {
	if d == nil {
		return sockets
	}
	return slices.DeleteFunc(sockets, func(s passedSocket) bool {
		if d.addresses[s.name] == d.openedFrom[s.name] {
			return false
		}
		s.ln.Close()
		return true
	})
}

// follow does what scripts/dev says, until it is gone.
func (d *dev) follow(lines *bufio.Reader, stop context.CancelCauseFunc) {
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			stop(errLeft)
			return
		}
		var order devOrder
		if json.Unmarshal(line, &order) != nil {
			continue
		}
		switch {
		case order.Stop:
			stop(errReplaced)
		case order.Problem != nil:
			d.pages.problem(*order.Problem)
		case len(order.Changed) > 0:
			d.pages.changed(order.Changed)
		}
	}
}

// announce prints the banner, and hands the open sockets up. A process that takes over the ports of another is silent:
// scripts/dev says in a line what came of the edit.
func (d *dev) announce(b *banner, s *server) {
	if d == nil || !d.again {
		b.print(s)
	}
	if d == nil || d.up == nil {
		return
	}
	l := s.listeners
	report := devReport{Ready: true, Addresses: d.addresses, Sockets: slices.Concat(
		slices.Repeat([]string{"https"}, len(l.https)), slices.Repeat([]string{"http"}, len(l.http)), slices.Repeat([]string{"admin"}, len(l.admin)))}
	if err := d.up.send(report, l); err != nil {
		s.log.Warn("make dev cannot keep the ports open", "error", err)
	}
}

// stopWith ends the streams of open pages when the server stops.
func (d *dev) stopWith(stopping <-chan struct{}) {
	if d != nil && d.pages != nil {
		d.pages.stopping = stopping
	}
}

// failed says why this process ends, for the page that is open in a browser.
func (d *dev) failed(err error) {
	if d == nil || d.up == nil || err == nil {
		return
	}
	text := err.Error()
	if list, ok := errors.AsType[faultList](err); ok {
		var b bytes.Buffer
		list.print(&b)
		text = b.String()
	}
	d.up.send(devReport{Failed: text}, listeners{}) // standard error has it too
}
