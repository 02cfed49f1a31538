//go:build unix

package dev

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var codeOf = regexp.MustCompile(`code [0-9]+<`)

// TestNoRequestFailsDuringARebuild sends requests without a pause, over new and over kept connections, by HTTP/1.1
// and HTTP/2, while a new process replaces the old one.
func TestNoRequestFailsDuringARebuild(t *testing.T) {
	w := serve(t, "")
	ask := func(c *http.Client) (string, error) {
		resp, err := c.Get(w.url(page))
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return fmt.Sprint(resp.StatusCode, " ", codeOf.FindString(string(body))), err
	}
	var wg sync.WaitGroup
	var stop atomic.Bool
	var asked, kept atomic.Int64
	var mu sync.Mutex
	seen := map[string]int{}
	var failures []string
	for i := range 4 {
		c := client(i%2 == 0)
		if i >= 2 {
			c.Transport.(*http.Transport).ForceAttemptHTTP2 = false // then only HTTP/1.1 is offered
		}
		wg.Go(func() {
			defer c.CloseIdleConnections()
			for !stop.Load() {
				got, err := ask(c)
				mu.Lock()
				if err != nil || !strings.HasPrefix(got, "200 code ") {
					failures = append(failures, fmt.Sprintf("client %d: %q %v", i, got, err))
				}
				seen[got]++
				mu.Unlock()
				asked.Add(1)
				if i%2 == 1 {
					kept.Add(1)
				}
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	const rebuilds = 3
	for n := 1; n <= rebuilds; n++ {
		w.edit(code, fmt.Sprintf("code %d", n-1), fmt.Sprintf("code %d", n))
		w.eventually(fmt.Sprintf("rebuild %d", n), func() bool {
			got, err := ask(w.once)
			return err == nil && strings.Contains(got, fmt.Sprintf("code %d<", n))
		})
		time.Sleep(300 * time.Millisecond) // the old process ends
	}
	stop.Store(true)
	wg.Wait()
	for i, f := range failures {
		if i < 10 {
			t.Error(f)
		}
	}
	if len(failures) > 0 {
		t.Errorf("%d of %d requests were refused or broken", len(failures), asked.Load())
	}
	for n := range rebuilds + 1 {
		found := false
		for answer := range seen {
			found = found || strings.Contains(answer, fmt.Sprintf("code %d<", n))
		}
		if !found {
			t.Errorf("no answer of process %d among %v", n, seen)
		}
	}
	t.Logf("%d requests, %d of them over kept connections, %d rebuilds, none failed", asked.Load(), kept.Load(), rebuilds)
}
