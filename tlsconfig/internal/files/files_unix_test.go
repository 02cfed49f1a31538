//go:build unix

package files

import (
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// /readyz and /metrics call Status, which must not block while a disk hangs.
func TestHungDiskDoesNotBlockTheStatus(t *testing.T) {
	t.Parallel()
	certFile, key := pairFor(t, "a.test")
	f := openFiles(t, Options{CertFiles: []string{certFile}, KeyFiles: []string{key}})
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(certFile, 0o600); err != nil { // an open of a FIFO waits for a writer
		t.Fatal(err)
	}
	looked := make(chan struct{})
	go func() { f.look(true); close(looked) }()
	time.Sleep(100 * time.Millisecond)
	answered := make(chan []cert.Status, 1)
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
	writer, err := os.OpenFile(certFile, os.O_WRONLY, 0) // ends the blocked read
	if err != nil {
		t.Fatal(err)
	}
	writer.Close()
	<-looked
}
