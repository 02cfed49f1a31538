package portowner

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestThePortsOwnerIsNamed(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	own, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if got := Find(own.Addr().(*net.TCPAddr).Port); got.PID != fmt.Sprint(os.Getpid()) || !got.Is(filepath.Base(os.Args[0])) {
		t.Errorf("got %q, want %s (pid %d)", got, filepath.Base(os.Args[0]), os.Getpid())
	}
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	port := ln.Addr().(*net.TCPAddr).Port
	if Find(port) == (Process{}) {
		t.Error("a listener on IPv6 alone is not found")
	}
	ln.Close()
	if got := Find(port); got != (Process{}) {
		t.Errorf("a free port belongs to %s", got)
	}
}
