package main

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/scripts/internal/process"
)

// build is a finished go build.
type build struct {
	err error
	out string // what the compiler said
	sum string // of the binary
}

// goBuild builds binary from the package in the folder pkg. The first build of a run shows its progress after a second,
// and what the compiler prints. A later one shows its progress after five seconds.
func goBuild(ctx context.Context, flags []string, pkg, binary string, first bool) build {
	p := &progress{w: os.Stderr, after: 5 * time.Second, began: time.Now(), ended: make(chan struct{})}
	if first {
		p.after = time.Second
		p.moves = process.Terminals(os.Stderr) && os.Getenv("TERM") != "dumb"
	}
	telling, stop := context.WithCancel(ctx)
	go p.run(telling, slices.Concat([]string{"list", "-deps", "-f", "{{if .Stale}}.{{end}}"}, flags, []string{pkg}))
	err := process.Go(ctx, filepath.Dir(binary), nil, p, slices.Concat([]string{"build", "-v"}, flags,
		[]string{"-o", binary, pkg})...)
	stop()
	b := build{err: err, out: strings.TrimSpace(p.finish(err == nil))}
	if err == nil {
		b.sum, b.err = sum(binary)
		return b
	}
	if first && b.out != "" {
		fmt.Fprintln(os.Stderr, b.out)
	}
	b.out = cmp.Or(b.out, err.Error())
	return b
}

// sum returns a hash of the binary. If it has not changed, nothing has to be restarted: the edit was of a script, or
// was undone. It is no cryptographic hash, because Go's packages for those would make this program's own first build a
// third longer.
func sum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := fnv.New128a()
	_, err = io.Copy(h, f)
	return string(h.Sum(nil)), err
}
