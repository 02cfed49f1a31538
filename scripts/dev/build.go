package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"

	"example.com/turnkey/scripts/internal/process"
)

// build is a finished go build.
type build struct {
	err error
	out string // what the compiler said
	sum string // of the binary
}

// goBuild builds binary. It writes the output of the go command to w as it comes.
func goBuild(ctx context.Context, flags []string, binary string, w io.Writer) build {
	args := append(append([]string{"build"}, flags...), "-o", binary, "./app")
	var out bytes.Buffer
	err := process.Go(ctx, filepath.Dir(binary), nil, io.MultiWriter(&out, w), args...)
	b := build{err: err, out: strings.TrimSpace(out.String())}
	if err == nil {
		b.sum, b.err = sum(binary)
	} else if b.out == "" {
		b.out = err.Error()
	}
	return b
}

// sum returns a hash of the binary. Equal sums mean that there is nothing to restart: an edited script, or an edit that
// was taken back, builds the same binary.
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
