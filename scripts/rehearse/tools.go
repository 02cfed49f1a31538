package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"example.com/turnkey/scripts/internal/process"
)

// Pebble is the ACME server for tests by Let's Encrypt, with its DNS server. .ci/e2e/go.mod has the same version.
const (
	pebbleModule  = "github.com/letsencrypt/pebble/v2"
	pebbleVersion = "v2.10.3"
	pebble        = "pebble"
	pebbleDNS     = "pebble-challtestsrv"
)

// tools is the folder of the programs of the rehearsal, beside other build output.
var tools = filepath.Join("bin", "rehearse")

// tool returns the path of one of them.
func tool(name string) (string, error) { return filepath.Abs(process.Binary(tools, name)) }

// buildPebble builds Pebble unless it is built already. It works outside the project's module, so that go.mod and
// go.sum stay as they are. The checksum database verifies what is downloaded.
func buildPebble(ctx context.Context, out *log.Logger) error {
	if built(pebble) && built(pebbleDNS) {
		return nil
	}
	out.Printf("  first run: fetching and building the test CA, Pebble %s, into %s", pebbleVersion,
		filepath.ToSlash(tools))
	dir, err := filepath.Abs(tools)
	if err != nil {
		return err
	}
	args := []string{"install", "-mod=mod"}
	for _, name := range []string{pebble, pebbleDNS} {
		args = append(args, pebbleModule+"/cmd/"+name+"@"+pebbleVersion)
	}
	return goCommand(ctx, []string{"GOBIN=" + dir}, args...)
}

// built reports whether a program is there, whole and in the right version.
func built(name string) bool {
	path, err := tool(name)
	if err != nil {
		return false
	}
	info, err := buildinfo.ReadFile(path)
	return err == nil && info.Main.Path == pebbleModule && info.Main.Version == pebbleVersion
}

// buildSite builds the binary of make build, in another folder: make dev may be running.
func buildSite(ctx context.Context, project string) (path string, err error) {
	if _, err := os.Stat("app"); err != nil {
		return "", errors.New("there is no folder app here; run this in the project's own directory")
	}
	if path, err = tool(project); err != nil {
		return "", err
	}
	return path, goCommand(ctx, []string{"CGO_ENABLED=0"}, "build", "-tags", "nomsgpack", "-trimpath", "-ldflags=-s -w",
		"-o", path, "./app")
}

func goCommand(ctx context.Context, env []string, args ...string) error {
	var out bytes.Buffer
	err := process.Go(ctx, tools, env, &out, args...)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return explain("go "+args[0], out.String(), err)
}

// explain adds to the error of a go command what to do about it.
func explain(command, out string, err error) error {
	out = strings.TrimSpace(out)
	if errors.Is(err, exec.ErrNotFound) {
		return errors.New("the go command is not in PATH; install Go 1.26 or newer from https://go.dev/dl, then open a " +
			"new terminal")
	}
	for _, sign := range []string{"dial tcp", "no such host", "i/o timeout", "TLS handshake timeout", "GOPROXY=off",
		"proxyconnect"} {
		if strings.Contains(out, sign) {
			return fmt.Errorf("the first run fetches Go modules, and could not; connect to the network, or set GOPROXY to a "+
				"module proxy that can be reached, and try again. Later runs need neither. The go command said:\n%s", out)
		}
	}
	return fmt.Errorf("%s: %w\n%s", command, err, out)
}
