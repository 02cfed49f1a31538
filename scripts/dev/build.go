package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

// progress shows how far a build is. It reads the output of go build -v, counts its lines for modules and packages, and
// keeps the others, which are the compiler's.
type progress struct {
	w     io.Writer
	moves bool          // w is a terminal that no other program writes to: one line, which moves
	after time.Duration // nothing is shown for a shorter build
	began time.Time
	ended chan struct{}

	mu       sync.Mutex
	part     []byte // of a line
	said     bytes.Buffer
	modules  int
	compiled int
	total    int    // 0: not known yet
	stage    string // that was told
	told     time.Time
}

// tellEvery is how often a line is added, if no line can be rewritten.
const tellEvery = 15 * time.Second

// Write reads lines of go build -v. It never fails.
func (p *progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.part = append(p.part, text...)
	for {
		line, rest, whole := bytes.Cut(p.part, []byte{'\n'})
		switch {
		case !whole:
			return len(text), nil
		case bytes.HasPrefix(line, []byte("go: downloading ")):
			p.modules++
		case len(line) > 0 && !bytes.ContainsAny(line, " \t:#"): // the path of a package
			p.compiled++
		default:
			p.said.Write(line)
			p.said.WriteByte('\n')
		}
		p.part = rest
	}
}

// run shows the progress of a build until ctx is done. list are the arguments by which the go command lists what is to
// be compiled.
func (p *progress) run(ctx context.Context, list []string) {
	defer close(p.ended)
	select {
	case <-ctx.Done():
		return
	case <-time.After(p.after):
	}
	go p.count(ctx, list)
	for tick := time.Tick(200 * time.Millisecond); ; {
		p.tell()
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}

// count asks how many packages are still to compile.
func (p *progress) count(ctx context.Context, list []string) {
	p.mu.Lock()
	before := p.compiled
	p.mu.Unlock()
	out, err := exec.CommandContext(ctx, "go", list...).Output()
	if err != nil {
		return // the build will fail too, and say why
	}
	p.mu.Lock()
	p.total = before + bytes.Count(out, []byte{'.'})
	p.mu.Unlock()
}

func (p *progress) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	stage, text := "compiling", fmt.Sprintf("compiling, %d packages so far", p.compiled)
	switch {
	case p.compiled == 0 && p.modules == 0:
		text = "compiling; the first time on a machine takes about a minute"
	case p.compiled == 0:
		stage, text = "fetching", fmt.Sprintf("fetching modules, %d so far", p.modules)
	case p.total > 0:
		stage = "counted"
		text = fmt.Sprintf("compiling %d of %d packages, %s", p.compiled, max(p.total, p.compiled), p.left())
	}
	switch now := time.Now(); {
	case p.moves:
		fmt.Fprintf(p.w, "\r  %s\x1b[K", text)
	case stage != p.stage || now.Sub(p.told) > tellEvery:
		fmt.Fprintln(p.w, "  "+text)
		p.told = now
	}
	p.stage = stage
}

// left estimates how long the rest takes. It begins with ten packages a second, and uses the measured rate more and
// more.
func (p *progress) left() string {
	rest := time.Duration(max(0, p.total-p.compiled))
	left := rest * (time.Since(p.began) + 2*time.Second) / time.Duration(p.compiled+20)
	if left < 5*time.Second {
		return "a few seconds left"
	}
	return fmt.Sprintf("about %d s left", int(left.Round(5*time.Second).Seconds()))
}

// finish waits for run to end, and returns what the compiler printed. It prints how long the build took, if run showed
// its progress.
func (p *progress) finish(ok bool) string {
	<-p.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stage != "" && p.moves {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	if p.stage != "" && ok {
		fmt.Fprintf(p.w, "  compiled %d packages in %.0f s\n", p.compiled, time.Since(p.began).Seconds())
	}
	return p.said.String() + string(p.part)
}
