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
	"syscall"
	"time"

	"example.com/turnkey/scripts/internal/child"
)

const (
	startTime = 15 * time.Second
	stopTime  = 10 * time.Second // the site lets open requests finish for 5
)

// startSite builds the site as make build does, and returns when it answers on every address of this machine.
func startSite(ctx context.Context, project, program string, https, plain int, stdout,
	stderr io.Writer) (*child.Process, error) {
	for _, port := range []int{https, plain} {
		ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return nil, fmt.Errorf("port %d is taken (%w); if make dev runs, stop it first; or choose other ports: go run "+
				"./scripts/phone -https 9443 -http 9080", port, err)
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
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), fmt.Sprintf("HTTPS_ADDR=:%d", https), fmt.Sprintf("HTTP_ADDR=:%d", plain))
	cmd.Stdout, cmd.Stderr = stdout, stderr
	// A Ctrl-C must not reach the site directly: with the signal of Stop it would be the second one, which ends it at
	// once.
	site, err := child.Start(cmd, syscall.SIGTERM, nil)
	if err != nil {
		return nil, fmt.Errorf("starting the site: %w", err)
	}
	if err := answers(ctx, site, https); err != nil {
		site.Stop(true, stopTime)
		return nil, err
	}
	return site, nil
}

// answers returns when the site completes a TLS handshake.
func answers(ctx context.Context, site *child.Process, port int) error {
	timeout := time.After(startTime)
	for {
		// This asks only whether the site answers. The phone judges the certificate.
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Second}, "tcp", "127.0.0.1:"+strconv.Itoa(port),
			&tls.Config{InsecureSkipVerify: true})
		if err == nil {
			return conn.Close()
		}
		select {
		case <-site.Exited:
			return fmt.Errorf("the site did not start; what it said is above, and more: make doctor")
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout:
			return fmt.Errorf("the site does not answer on port %d; make doctor may say why", port)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
