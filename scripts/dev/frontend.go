package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// frontend is the development server of a front end (Vite), which `npm run dev` runs.
type frontend struct {
	cmd   *exec.Cmd
	stdin io.Closer // of cmd, which ends with it
	ended chan struct{}
	ends  atomic.Bool // is told to end
}

// startFrontends starts what is in web/*/package.json. The server reads their ports from DEV_FRONTENDS. It proxies to
// them, so that they share its origin and certificate. The returned function ends them.
func startFrontends() (stop func()) {
	var running []*frontend
	var ports []string
	manifests, _ := filepath.Glob(filepath.Join("web", "*", "package.json"))
	for _, manifest := range manifests {
		dir := filepath.ToSlash(filepath.Dir(manifest))
		f, port, err := startFrontend(dir)
		if err != nil {
			fmt.Fprintf(os.Stderr, "make dev: the front end in %s: %v\n", dir, err)
			continue
		}
		running = append(running, f)
		ports = append(ports, fmt.Sprintf("%s=%d", filepath.Base(dir), port))
		fmt.Printf("  front end    %s: npm run dev, on port %d of 127.0.0.1, for this server alone\n", dir, port)
	}
	os.Setenv("DEV_FRONTENDS", strings.Join(ports, ","))
	return func() {
		for _, f := range running {
			f.stop()
		}
	}
}

func startFrontend(dir string) (f *frontend, port int, err error) {
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		return nil, 0, fmt.Errorf("node_modules is missing; run npm install in %s, then make dev again", dir)
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return nil, 0, fmt.Errorf("%w; npm comes with Node.js", err)
	}
	if port, err = freePort(); err != nil {
		return nil, 0, err
	}
	cmd := npm("run", "--silent", "dev", "--", "--host", "127.0.0.1", "--port", fmt.Sprint(port),
		"--strictPort", "--clearScreen", "false", "--logLevel", "warn")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, 0, err
	}
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	f = &frontend{cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	go func() {
		cmd.Wait()
		if !f.ends.Load() {
			fmt.Fprintf(os.Stderr, "  %s: npm run dev has ended; fix the cause, then start make dev again\n", dir)
		}
		close(f.ended)
	}()
	return f, port, nil
}

// freePort returns a port of 127.0.0.1 that is free now. Vite does not start if another program takes it first.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

func (f *frontend) stop() {
	f.ends.Store(true)
	f.stdin.Close()
	endTree(f.cmd)
	select {
	case <-f.ended:
	case <-time.After(5 * time.Second):
		f.cmd.Process.Kill()
	}
}
