package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

const (
	startTime = 15 * time.Second
	stopTime  = 10 * time.Second // the site lets open requests finish for 5
)

// site is the running server.
type site struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// startSite builds the site as the Makefile does, and returns when it answers on every address of this machine.
func startSite(ctx context.Context, project, program string, https, plain int, stdout, stderr io.Writer) (*site, error) {
	for _, port := range []int{https, plain} {
		ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return nil, fmt.Errorf("port %d is taken (%w); if make dev runs, stop it first; or choose other ports: go run ./scripts/phone -https 9443 -http 9080", port, err)
		}
		ln.Close()
	}
	if program == "" {
		program = filepath.Join("bin", project)
		if runtime.GOOS == "windows" {
			program += ".exe"
		}
		build := exec.CommandContext(ctx, "go", "build", "-tags", "nomsgpack", "-o", program, "./app")
		build.Stdout, build.Stderr = stderr, stderr
		if err := build.Run(); err != nil {
			return nil, fmt.Errorf("building the site: %w; run this in the project's own directory", err)
		}
	}
	path, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	s := &site{exec.Command(path), make(chan struct{})}
	s.cmd.Env = append(os.Environ(), fmt.Sprintf("HTTPS_ADDR=:%d", https), fmt.Sprintf("HTTP_ADDR=:%d", plain))
	s.cmd.Stdout, s.cmd.Stderr = stdout, stderr
	s.cmd.SysProcAttr = apart()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the site: %w", err)
	}
	go func() {
		s.cmd.Wait() // how it ended it has said itself
		close(s.exited)
	}()
	if err := s.wait(ctx, https); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// wait returns when the site shakes hands.
func (s *site) wait(ctx context.Context, port int) error {
	timeout := time.After(startTime)
	for {
		// Only whether somebody answers is asked; the certificate is the phone's to judge.
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Second}, "tcp", "127.0.0.1:"+strconv.Itoa(port), &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.exited:
			return fmt.Errorf("the site did not start; what it said is above, and more: make doctor")
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout:
			return fmt.Errorf("the site does not answer on port %d; make doctor may say why", port)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop asks the site to end, and sees to it.
func (s *site) stop() {
	if runtime.GOOS == "windows" || s.cmd.Process.Signal(os.Interrupt) != nil { // Windows knows no such signal
		s.cmd.Process.Kill()
	}
	select {
	case <-s.exited:
	case <-time.After(stopTime):
		s.cmd.Process.Kill()
		<-s.exited
	}
}
