package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// What go build -v writes comes in pieces that are no lines.
func TestProgressTellsOfModulesAndPackagesAndKeepsTheCompilersWords(t *testing.T) {
	const said = "# example.com/shop/handlers\nhandlers/home.go:3:2: undefined: x\n"
	for _, moves := range []bool{true, false} {
		var out bytes.Buffer
		p := &progress{w: &out, moves: moves, began: time.Now().Add(-10 * time.Second), ended: make(chan struct{})}
		write := func(text string) {
			for _, piece := range strings.SplitAfter(text, "o") {
				p.Write([]byte(piece))
			}
			p.tell()
			p.tell()
		}
		write("")
		write("go: downloading github.com/gin-gonic/gin v1.12.0\ngo: downloading golang.org/x/net v0.62.0\n")
		write("internal/goarch\nruntime\n" + said)
		p.total = 302
		write("net/http\n")
		close(p.ended)
		if got := p.finish(true); got != said {
			t.Errorf("the compiler said %q, want %q", got, said)
		}
		want := "  compiling; the first time on a machine takes about a minute\n  fetching modules, 2 so far\n" +
			"  compiling, 2 packages so far\n  compiling 3 of 302 packages, about 155 s left\n  compiled 3 packages in 10 s\n"
		got := out.String()
		if moves {
			if strings.Count(got, "\n") != 1 {
				t.Errorf("at a terminal there is more than one line: %q", got)
			}
			got = strings.NewReplacer("\r\x1b[K", "", "\x1b[K", "\n", "\r", "").Replace(got)
			want = strings.Repeat("  compiling; the first time on a machine takes about a minute\n", 2) + strings.Repeat("  fetching modules, 2 so far\n", 2) +
				strings.Repeat("  compiling, 2 packages so far\n", 2) + strings.Repeat("  compiling 3 of 302 packages, about 155 s left\n", 2) + "  compiled 3 packages in 10 s\n"
		}
		if got != want {
			t.Errorf("moves %v: got\n%q\nwant\n%q", moves, got, want)
		}
	}
}

// The first flag is no flag of go build then, whose usage would come instead. It needs no project.
func TestHelpIsOfThisProgram(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, flag := range []string{"-h", "--help"} {
		if status, err := run([]string{flag}); status != 0 || err != nil {
			t.Errorf("%s: %d, %v", flag, status, err)
		}
	}
}
