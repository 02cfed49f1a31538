package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/app/devlink"
)

// child is one process of the site. It reads orders from its standard input. Where sockets can be passed, that input is
// a socket, and the child reports on it too.
type child struct {
	cmd    *exec.Cmd
	link   *devlink.Parent
	began  time.Time
	jobs   bool         // was told that its jobs may begin
	failed string       // its own reason not to start
	crash  bytes.Buffer // what the Go runtime wrote when it crashed
}

// report is one line from a child, with the sockets that came with it.
type report struct {
	devlink.Report
	files []*os.File
}

// news is a report of a child, or its end.
type news struct {
	from  *child
	ready *report
	ended bool
}

// sockets are the open ports, kept open from one child to the next.
type sockets struct {
	files     []*os.File
	names     []string
	addresses map[string]string
}

// startChild starts binary, which takes over the sockets. Its reports and its end are sent to tell.
func startChild(binary string, s sockets, again bool, p devlink.Problem, tell chan<- news) (*child, error) {
	ours, theirs, err := devlink.New()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(binary), link: ours, began: time.Now()}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirs, os.Stdout, os.Stderr
	c.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains([]string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}, name)
	}), "DEV_SUPERVISOR=1")
	if len(s.files) > 0 {
		c.cmd.ExtraFiles = s.files
		c.cmd.Env = append(c.cmd.Env, fmt.Sprintf("LISTEN_FDS=%d", len(s.files)),
			"LISTEN_FDNAMES="+strings.Join(s.names, ":"))
	}
	err = c.cmd.Start()
	theirs.Close()
	if err != nil {
		ours.Close()
		return nil, err
	}
	c.send(devlink.Order{Hello: &devlink.Hello{Again: again, Addresses: s.addresses}})
	if p != (devlink.Problem{}) {
		c.send(devlink.Order{Problem: &p})
	}
	go c.listen(tell)
	return c, nil
}

// listen sends the reports of the child to tell, and then its end.
func (c *child) listen(tell chan<- news) {
	if !devlink.PassesSockets {
		tell <- news{from: c, ready: &report{}}
	}
	c.link.Each(func(line []byte, files []*os.File) {
		var r report
		if json.Unmarshal(line, &r.Report) != nil {
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

// send ignores write errors: listen reports a child that has exited.
func (c *child) send(o devlink.Order) {
	if c != nil {
		c.link.Send(o)
	}
}

// status returns the exit status of a child that has ended, and 1 for a child that a signal ended.
func (c *child) status() int {
	if n := c.cmd.ProcessState.ExitCode(); n >= 0 {
		return n
	}
	return 1
}

// why returns why the child ended: the reason that it reported, if any.
func (c *child) why() string {
	return cmp.Or(strings.TrimSpace(c.failed), strings.TrimSpace(c.crash.String()),
		"It ended with "+c.cmd.ProcessState.String()+". The terminal may say more.")
}
