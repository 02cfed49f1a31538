package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"example.com/turnkey/scripts/internal/process"
)

const (
	startTime = 15 * time.Second
	stopTime  = 10 * time.Second // the site lets open requests finish for 5
)

// startSite builds the site as make build does, and returns when it listens on every address of this machine.
func (p *phone) startSite(ctx context.Context) (*process.Process, error) {
	for _, port := range []int{p.https, p.plain} {
		ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return nil, fmt.Errorf("port %d is taken (%w); if make dev runs, stop it first; or choose other ports: go run "+
				"./scripts/phone -https 9443 -http 9080", port, err)
		}
		ln.Close()
	}
	if p.program == "" {
		p.program = process.Binary("bin", p.project)
		err := process.Go(ctx, "bin", nil, p.err, "build", "-tags", "nomsgpack", "-o", p.program, "./app")
		if err != nil {
			return nil, fmt.Errorf("building the site: %w; run this in the project's own directory", err)
		}
	}
	path, err := filepath.Abs(p.program)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), fmt.Sprintf("HTTPS_ADDR=:%d", p.https), fmt.Sprintf("HTTP_ADDR=:%d", p.plain))
	cmd.Stdout, cmd.Stderr = p.out, p.err
	// A Ctrl-C must not reach the site directly: with the signal of Stop it would be the second one, which ends it at
	// once.
	site, err := process.Start(cmd, syscall.SIGTERM, nil)
	if err != nil {
		return nil, fmt.Errorf("starting the site: %w", err)
	}
	err = site.Listens(ctx, fmt.Sprintf("127.0.0.1:%d", p.https), startTime)
	switch {
	case errors.Is(err, process.ErrExited):
		err = errors.New("the site did not start; what it wrote is above, and make doctor may say more")
	case errors.Is(err, process.ErrSilent):
		err = fmt.Errorf("the site does not answer on port %d; make doctor may say why", p.https)
	}
	if err != nil {
		site.Stop(stopTime)
		return nil, err
	}
	return site, nil
}
