//go:build unix

package tlsconfig

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// /readyz and /metrics ask for the status; a disk that hangs must not take them with it.
func TestAHungDiskDoesNotHoldUpTheStatus(t *testing.T) {
	t.Parallel()
	cert, key := pairFor(t, "a.test")
	f := openFiles(t, Options{CertFiles: []string{cert}, KeyFiles: []string{key}})
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(cert, 0o600); err != nil { // whoever opens it waits for a writer
		t.Fatal(err)
	}
	looked := make(chan struct{})
	go func() { f.look(true); close(looked) }()
	time.Sleep(100 * time.Millisecond)
	answered := make(chan []Status, 1)
	go func() { answered <- f.Status() }()
	select {
	case s := <-answered:
		if len(s) != 1 || s[0].Names[0] != "a.test" {
			t.Errorf("the status is %+v", s)
		}
	case <-time.After(5 * time.Second):
		t.Error("the status waits for the disk")
	}
	select {
	case <-looked:
		t.Error("the look did not hang, so this test shows nothing")
	default:
	}
	writer, err := os.OpenFile(cert, os.O_WRONLY, 0) // lets the look end
	if err != nil {
		t.Fatal(err)
	}
	writer.Close()
	<-looked
}
