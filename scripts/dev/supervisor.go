package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"example.com/turnkey/app/devlink"
)

// steady is the uptime after which a crashed server is started again without an edit.
const steady = time.Second

// supervisor builds, starts and replaces the server. Only the goroutine of run uses its fields.
type supervisor struct {
	flags  []string
	binary string
	person bool // at the terminal: after a failed start, wait for an edit
	kindOf func(file string) kind
	listen func(began time.Time) // is called after each build; it does not block

	sockets  sockets
	children map[*child]bool // all that run
	current  *child          // serves
	next     *child          // is starting
	news     chan news

	built     chan build
	cancel    context.CancelFunc // of the running build; nil without one
	must      bool               // start a new process even with the same binary
	serves    string             // sum of the binary that serves
	starts    string             // sum of the one that is starting
	due       bool               // start once the current one has ended, where sockets cannot be passed
	began     time.Time          // when the edit was made
	what      string             // what is done for the edit, for the message
	ready     bool               // a server has been ready before
	problem   devlink.Problem    // that the current child shows
	crashed   bool               // the problem is a crash; the next edit clears it
	stopping  bool
	exitState int
}

func newSupervisor(flags []string, binary string, person bool) *supervisor {
	return &supervisor{flags: flags, binary: binary, person: person, children: map[*child]bool{}, news: make(chan news),
		built: make(chan build), began: time.Now()}
}

// run serves until a signal comes or no server is left. It returns the exit status.
func (s *supervisor) run(changes <-chan []string, signals <-chan os.Signal) int {
	s.rebuild(true)
	for {
		select {
		case files := <-changes:
			if !s.stopping {
				s.edited(files)
			}
		case b := <-s.built:
			s.cancel = nil
			if !s.stopping {
				s.finished(b)
			}
		case n := <-s.news:
			if n.ended {
				s.ended(n.from)
			} else {
				s.serving(n.from, n.ready)
			}
		case sig := <-signals:
			if s.stopping { // a second signal ends everything at once
				for c := range s.children {
					c.cmd.Process.Kill()
				}
				return 128 + int(sig.(syscall.Signal))
			}
			s.stop(0)
		}
		if s.stopping && len(s.children) == 0 && s.cancel == nil {
			return s.exitState
		}
	}
}

func (s *supervisor) edited(files []string) {
	var pages []string
	most := other
	for _, f := range files {
		k := s.kindOf(f)
		if most = max(most, k); k == page {
			pages = append(pages, f)
		}
	}
	if s.crashed {
		s.trouble(devlink.Problem{})
	}
	if len(pages) > 0 {
		s.current.send(devlink.Order{Changed: pages})
		s.next.send(devlink.Order{Changed: pages})
	}
	down := s.current == nil && s.next == nil
	if most == page && !down {
		return
	}
	s.began = time.Now()
	s.must = s.must || most == settings || down
	if s.what = "rebuilt"; most == settings {
		s.what = "restarted with the edited .env"
	}
	s.rebuild(false)
}

// rebuild begins a build and cancels the running one.
func (s *supervisor) rebuild(first bool) {
	if s.cancel != nil {
		s.cancel()
		<-s.built
	}
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	go func() { s.built <- goBuild(ctx, s.flags, "./app", s.binary, first) }()
}

func (s *supervisor) finished(b build) {
	s.listen(s.began)
	switch {
	case b.err != nil:
		if s.ready { // the output of the first build was printed as it came
			fmt.Fprintf(os.Stderr, "\n%s\n\n", b.out)
		}
		s.refuse("The build failed", b.out, 1)
	case b.sum == s.serves && s.current != nil && !s.must:
		if s.next != nil { // its edit was undone
			s.next.send(devlink.Order{Stop: true})
			s.next = nil
		}
		if s.problem != (devlink.Problem{}) {
			fmt.Println("  fixed; nothing has changed")
			s.trouble(devlink.Problem{})
		}
	default:
		s.starts = b.sum
		s.start()
	}
}

func (s *supervisor) start() {
	if s.next != nil { // it has an older edit
		s.next.send(devlink.Order{Stop: true})
		s.next = nil
	}
	if !devlink.PassesSockets && s.current != nil {
		s.due = true
		s.current.send(devlink.Order{Stop: true})
		return
	}
	s.must = false
	told := devlink.Problem{}
	if s.crashed {
		told = s.problem
	}
	c, err := startChild(s.binary, s.sockets, s.ready, told, s.news)
	if err != nil {
		fmt.Fprintln(os.Stderr, "make dev:", err)
		s.refuse("The server did not start", err.Error(), 1)
		return
	}
	s.children[c], s.next = true, c
}

// serving replaces the current child by one that is ready.
func (s *supervisor) serving(c *child, r *report) {
	if c != s.next {
		for _, f := range r.files {
			f.Close()
		}
		return
	}
	if s.current != nil {
		s.current.send(devlink.Order{Stop: true})
	}
	s.current, s.next, s.serves = c, nil, s.starts
	for _, f := range s.sockets.files {
		f.Close()
	}
	s.sockets = sockets{r.files, r.Sockets, r.Addresses}
	if !s.crashed {
		s.problem = devlink.Problem{}
	}
	if s.ready && s.what != "" {
		fmt.Printf("  %s in %.1f s\n", s.what, time.Since(s.began).Seconds())
	}
	s.ready, s.what = true, ""
	s.letJobsBegin()
}

// letJobsBegin tells the current child that its jobs may begin, unless a child runs that has been told so.
func (s *supervisor) letJobsBegin() {
	for c := range s.children {
		if c.jobs {
			return
		}
	}
	if s.current != nil {
		s.current.jobs = true
		s.current.send(devlink.Order{Begin: true})
	}
}

func (s *supervisor) ended(c *child) {
	delete(s.children, c)
	if !s.stopping && c != s.current {
		s.letJobsBegin()
	}
	switch {
	case s.stopping:
		if s.exitState == 0 {
			s.exitState = c.status()
		}
	case c == s.next:
		s.next = nil
		s.must = true // the same binary may start with other settings
		s.refuse("The server did not start", c.why(), c.status())
	case c == s.current && s.due:
		s.current, s.due = nil, false
		s.start()
	case c == s.current && c.status() == 0: // another program stopped it
		s.current = nil
		s.stop(0)
	case c == s.current:
		s.current = nil
		s.crashed = true
		s.problem = devlink.Problem{Title: "The server crashed", Text: c.why()}
		if time.Since(c.began) < steady {
			s.refuse(s.problem.Title, s.problem.Text, c.status())
			return
		}
		s.began, s.what = time.Now(), "crashed; restarted"
		s.start()
	}
}

// refuse shows why an edit has no effect. If no server runs, and no person is there to make another edit, it stops.
func (s *supervisor) refuse(title, text string, status int) {
	switch {
	case s.current != nil:
		fmt.Fprintf(os.Stderr, "  %s; the old process keeps serving\n", strings.ToLower(title[:1])+title[1:])
		s.trouble(devlink.Problem{Title: title, Text: text})
	case s.person || s.ready:
		fmt.Fprintf(os.Stderr, "  %s; waiting for an edit, or Ctrl-C\n", strings.ToLower(title[:1])+title[1:])
	default:
		s.stop(status)
	}
}

// trouble shows the problem in open pages.
func (s *supervisor) trouble(p devlink.Problem) {
	s.problem, s.crashed = p, false
	s.current.send(devlink.Order{Problem: &p})
}

// stop ends all processes. The exit status is status, or that of a child that fails while it stops.
func (s *supervisor) stop(status int) {
	s.stopping, s.exitState = true, status
	if s.cancel != nil {
		s.cancel()
	}
	for c := range s.children {
		c.link.CloseWrite()
	}
}
