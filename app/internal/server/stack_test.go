package server

import (
	"runtime/metrics"
	"sync"
	"testing"
)

// The compiler could leave out the frame, and nothing else would show it.
func TestStackIsGrownByACall(t *testing.T) {
	const n = 2000
	var called, wait sync.WaitGroup
	wait.Add(1)
	defer wait.Done()
	called.Add(n)
	for range n {
		go func() { growStack(-1); called.Done(); wait.Wait() }()
	}
	called.Wait()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(sample)
	if each := sample[0].Value.Uint64() / n; each < 10<<10 {
		t.Errorf("a goroutine has %d bytes of stack after the call", each)
	}
}
