package server

import (
	"runtime/metrics"
	"sync"
	"testing"
)

// The compiler could leave out the frame, and nothing else would show it.
func TestStackIsGrownByACall(t *testing.T) {
	const n = 2000
	stacks := func(f func()) uint64 {
		var called, wait sync.WaitGroup
		wait.Add(1)
		called.Add(n)
		for range n {
			go func() { f(); called.Done(); wait.Wait() }()
		}
		called.Wait()
		sample := []metrics.Sample{{Name: "/memory/classes/heap/stacks:bytes"}}
		metrics.Read(sample)
		wait.Done()
		return sample[0].Value.Uint64() / n
	}
	small := stacks(func() {})
	if grown := stacks(func() { growStack(-1) }); grown < small+8<<10 {
		t.Errorf("a goroutine has %d bytes of stack after the call, and %d without", grown, small)
	}
}
