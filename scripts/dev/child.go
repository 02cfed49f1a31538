package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// child is one process of the site. It hears orders on its standard input; where sockets can be passed, it says there
// in turn how it is.
type child struct {
	cmd    *exec.Cmd
	link   link
	began  time.Time
	failed string       // its own reason not to start
	crash  bytes.Buffer // the runtime's last words
}

// order is one line to a child; app/dev.go reads it.
type order struct {
	Hello   *hello   `json:"hello,omitempty"`
	Changed []string `json:"changed,omitempty"`
	Problem *problem `json:"problem,omitempty"`
	Stop    bool     `json:"stop,omitempty"`
}

type hello struct {
	Again     bool              `json:"again"`     // another process serves, or has served, before this one
	Addresses map[string]string `json:"addresses"` // settings from which the passed sockets were opened
}

// problem is why an edit does not show. The zero value says that it does.
type problem struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// report is one line from a child.
type report struct {
	Ready     bool              `json:"ready"`
	Sockets   []string          `json:"sockets"`
	Addresses map[string]string `json:"addresses"`
	Failed    string            `json:"failed"`

	files []*os.File // the sockets themselves
}

// news is a report, or the end of a child.
type news struct {
	from  *child
	ready *report
	ended bool
}

// sockets are the open ports, kept here from one child to the next.
type sockets struct {
	files     []*os.File
	names     []string
	addresses map[string]string
}

// startChild starts binary, which takes over the sockets. What becomes of it is told to tell.
func startChild(binary string, s sockets, again bool, p problem, tell chan<- news) (*child, error) {
	ours, theirs, err := openLink()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(binary), link: ours, began: time.Now()}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirs, os.Stdout, os.Stderr
	c.cmd.Env = append(withoutSockets(os.Environ()), "DEV_SUPERVISOR=1")
	if len(s.files) > 0 {
		c.cmd.ExtraFiles = s.files
		c.cmd.Env = append(c.cmd.Env, fmt.Sprintf("LISTEN_FDS=%d", len(s.files)), "LISTEN_FDNAMES="+strings.Join(s.names, ":"))
	}
	err = c.cmd.Start()
	theirs.Close()
	if err != nil {
		ours.Close()
		return nil, err
	}
	c.send(order{Hello: &hello{again, s.addresses}})
	if p != (problem{}) {
		c.send(order{Problem: &p})
	}
	go c.listen(tell)
	return c, nil
}

func withoutSockets(env []string) (out []string) {
	for _, pair := range env {
		if !strings.HasPrefix(pair, "LISTEN_FDS=") && !strings.HasPrefix(pair, "LISTEN_PID=") && !strings.HasPrefix(pair, "LISTEN_FDNAMES=") {
			out = append(out, pair)
		}
	}
	return out
}

// listen passes on what the child says, until it has ended.
func (c *child) listen(tell chan<- news) {
	if !passesSockets {
		tell <- news{from: c, ready: &report{}}
	}
	c.link.each(func(line []byte, files []*os.File) {
		var r report
		if json.Unmarshal(line, &r) != nil {
			if c.crash.Len() < 64<<10 {
				c.crash.Write(line)
			}
			return
		}
		c.failed = cmp.Or(r.Failed, c.failed)
		if r.Ready {
			r.files = files
			tell <- news{from: c, ready: &r}
		}
	})
	c.cmd.Wait() // its state is read by status
	c.link.Close()
	tell <- news{from: c, ended: true}
}

// send is of no use to a child that has just ended, and that is told elsewhere.
func (c *child) send(o order) {
	if c == nil {
		return
	}
	if line, err := json.Marshal(o); err == nil {
		c.link.Write(append(line, '\n'))
	}
}

// status is the exit status of a child that has ended; of one that a signal ended, as a shell has it.
func (c *child) status() int {
	if n := c.cmd.ProcessState.ExitCode(); n >= 0 {
		return n
	}
	return 1
}

// why is the reason of its end, in its own words where it had any.
func (c *child) why() string {
	return cmp.Or(strings.TrimSpace(c.failed), strings.TrimSpace(c.crash.String()), "It ended with "+c.cmd.ProcessState.String()+". The terminal may say more.")
}
