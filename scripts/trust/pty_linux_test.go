package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"example.com/turnkey/scripts/internal/process"
)

// The question over a real terminal, as make dev puts it.
func TestAskAtTerminal(t *testing.T) {
	master, tty := pty(t)
	if !process.Terminals(tty, tty) {
		t.Fatal("a terminal is not taken for one")
	}
	p := newPerson(t, true)
	if _, err := master.WriteString("n\n"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), p.host, []string{"-ask"}, console{tty, &out, &out, true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "[Y/n]") || !strings.Contains(out.String(), "To trust it later") {
		t.Error(out.String())
	}
}

// pty opens both ends of a new terminal: see pty(7).
func pty(t *testing.T) (master, tty *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { master.Close() })
	var unlock, number int32
	for request, value := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlock, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
			t.Fatal(errno)
		}
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return master, tty
}
