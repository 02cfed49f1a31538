package server

// growStack(-1) grows the stack of its goroutine once, to what the chain and net/http below it need. Each request of an
// HTTP/2 connection has a new goroutine. The runtime would else double its small stack, and copy it, two or three times
// on the way down. It makes place for the frame when the function is called, so nothing has to be written.
//
//go:noinline
func growStack(i int) byte {
	if i < 0 {
		return 0
	}
	var frame [10 << 10]byte
	return frame[i]
}
