package logs

import (
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// supervisor reads a log. It is stuck until reads is closed.
type supervisor struct {
	reads chan struct{}
	mu    sync.Mutex
	text  strings.Builder
}

func (s *supervisor) Write(p []byte) (int, error) {
	<-s.reads
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// has returns what was written since the last call.
func (s *supervisor) has() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.text.Reset()
	return s.text.String()
}

// The program may end right after any line but a request's.
func TestALineIsWrittenWhenTheCallReturns(t *testing.T) {
	t.Parallel()
	for _, json := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			reader := &supervisor{reads: make(chan struct{})}
			close(reader.reads)
			out := NewWriter(reader)
			log := New(out, slog.LevelInfo, json)
			log.Info("request", "path", "/first")
			log.Error("the disk is full", "path", " msg=request ")
			if got := reader.has(); strings.Index(got, "/first") > strings.Index(got, "disk is full") || !strings.Contains(got, "disk is full") {
				t.Errorf("json %v: after an error the log has %q", json, got)
			}
			for _, say := range []func(string, ...any){log.Warn, log.Info, log.Error} {
				say("hello")
				if got := reader.has(); !strings.Contains(got, "hello") {
					t.Errorf("json %v: after a line the log has %q", json, got)
				}
			}
			out.Close()
			log.Info("request", "path", "/last")
			if got := reader.has(); !strings.Contains(got, "/last") {
				t.Errorf("json %v: a line after Close is lost: %q", json, got)
			}
		})
	}
}

// Requests share a write.
func TestLinesOfRequestsAreGathered(t *testing.T) {
	t.Parallel()
	var count counter
	out := NewWriter(&count)
	log := New(out, slog.LevelInfo, true)
	for range 1000 {
		log.Info("request", "path", "/")
	}
	out.Close()
	if count.lines != 1000 || count.writes > 500 {
		t.Errorf("%d lines in %d writes", count.lines, count.writes)
	}
}

type counter struct{ lines, writes int }

func (c *counter) Write(p []byte) (int, error) {
	c.lines, c.writes = c.lines+strings.Count(string(p), "\n"), c.writes+1
	return len(p), nil
}

// A reader that is stuck holds up one line for a second, and no others.
func TestAStuckReaderHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reader := &supervisor{reads: make(chan struct{})}
		out := NewWriter(reader)
		log := New(out, slog.LevelInfo, true)
		begin := time.Now()
		for range 100 {
			log.Warn("hello")
		}
		if took := time.Since(begin); took != maxWait {
			t.Errorf("100 lines took %s, want %s", took, maxWait)
		}
		close(reader.reads)
		out.Close()
		if got := strings.Count(reader.has(), "hello"); got != 100 {
			t.Errorf("%d lines arrived", got)
		}
	})
}

// The last line of a process that ends by itself is read.
func TestTheLastLineOfAProcess(t *testing.T) {
	t.Parallel()
	if os.Getenv("LOGS_TEST_LAST_LINE") != "" {
		slog.SetDefault(New(NewWriter(os.Stdout), slog.LevelInfo, true))
		slog.Error("STRIPE_KEY is missing")
		os.Exit(1)
	}
	for range 20 {
		cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "LOGS_TEST_LAST_LINE=1")
		out, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(out)
		cmd.Wait()
		if !strings.Contains(string(text), "STRIPE_KEY is missing") {
			t.Fatalf("the process wrote %q", text)
		}
	}
}
