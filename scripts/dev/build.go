package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// build is a finished go build.
type build struct {
	err error
	out string // what the compiler said
	sum string // of the binary
}

// goBuild builds binary, and says meanwhile to w what go does. When ctx ends, so do the compilers at once, and nothing
// of theirs stays: go itself removes its temporary files only when it is let finish.
func goBuild(ctx context.Context, flags []string, binary string, w io.Writer) build {
	work, err := workDir(filepath.Dir(binary))
	if err != nil {
		return build{err: err, out: err.Error()}
	}
	defer os.RemoveAll(work)
	args := append(append([]string{"build"}, flags...), "-o", binary, "./app")
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "GOTMPDIR="+work)
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(&out, w)
	cmd.Stderr = cmd.Stdout
	together(cmd)
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	b := build{err: err, out: strings.TrimSpace(out.String())}
	if err == nil {
		b.sum, b.err = sum(binary)
	} else if b.out == "" {
		b.out = err.Error()
	}
	return b
}

// workDir is a new directory beside the binary, so that go moves what it linked and need not copy it. A name with a
// dot is no package's.
func workDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(dir, ".build-")
}

// sum tells one binary from another: an edit of a script, or one that is taken back, builds the same.
func sum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return string(h.Sum(nil)), err
}
