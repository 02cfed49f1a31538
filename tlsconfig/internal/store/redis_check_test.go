package store

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A server that confirms a write and then returns nothing, or other data, would lose the certificates. The tests with
// real Redis servers that refuse a key are in .ci/e2e/storm.
func TestCheckReadsBackWhatItWroteToRedis(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"nothing": "$-1\r\n", "another value": "$5\r\nother\r\n", "an empty value": "$0\r\n\r\n", "what was written": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var commands []string
			var written string
			addr := serveRedis(t, func(args []string) string {
				mu.Lock()
				defer mu.Unlock()
				commands = append(commands, args[0])
				switch args[0] {
				case "EVAL":
					if args[1] == putScript {
						written = args[6]
					}
				case "ZRANGE":
					return "*0\r\n"
				case "GET":
					if answer == "" {
						return fmt.Sprintf("$%d\r\n%s\r\n", len(written), written)
					}
					return answer
				}
				return ":1\r\n"
			})
			_, fault := (Config{Where: "redis://" + addr}).Check()
			bad := fault != nil && strings.Contains(fault.Problem, "does not give back what was written") && fault.Fix != ""
			if answer == "" && fault != nil || answer != "" && !bad {
				t.Errorf("check finds %v", fault)
			}
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(commands, " "); !strings.HasSuffix(got, "GET DEL EVAL EVAL") {
				t.Errorf("the commands are %s, want that keys and lock are removed", got)
			}
			if len(written) < 15<<10 {
				t.Errorf("%d bytes are written; a certificate may have 16 KiB", len(written))
			}
		})
	}
}

// The check whether a port uses TLS must not send data that could be the password.
func TestCheckSendsNoPasswordToAPortWithAnotherTransport(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	var mu sync.Mutex
	var sent strings.Builder
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			data := make([]byte, 4096)
			n, _ := conn.Read(data)
			mu.Lock()
			sent.Write(data[:n])
			mu.Unlock()
			io.WriteString(conn, "-NOAUTH Authentication required.\r\n")
			conn.Close()
		}
	}()
	_, fault := Config{Where: "rediss://:hush@" + ln.Addr().String()}.Check()
	if fault == nil || !strings.Contains(fault.Problem, "speaks no TLS") {
		t.Errorf("check finds %v", fault)
	}
	mu.Lock()
	defer mu.Unlock()
	if strings.Contains(sent.String(), "hush") || !strings.Contains(sent.String(), "PING") {
		t.Errorf("%q was sent in plain", sent.String())
	}
}

// serveRedis answers each command of the Redis protocol with what answer returns.
func serveRedis(t *testing.T, answer func(args []string) string) (addr string) {
	t.Helper()
	return serveRedisOn(t, answer, func(net.Conn, bool) {})
}

// serveRedisOn is serveRedis that tells of connections.
func serveRedisOn(t *testing.T, answer func(args []string) string, tell func(conn net.Conn, opened bool)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			tell(conn, true)
			go func() {
				defer tell(conn, false)
				defer conn.Close()
				for r := bufio.NewReader(conn); ; {
					args, err := readCommand(r)
					if err != nil {
						return
					}
					io.WriteString(conn, answer(args))
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// readCommand reads an array of strings: *2, $3, GET, $1, k, each with CR LF.
func readCommand(r *bufio.Reader) ([]string, error) {
	number := func() (int, error) {
		line, err := r.ReadString('\n')
		if err != nil || len(line) < 3 {
			return 0, io.ErrUnexpectedEOF
		}
		return strconv.Atoi(line[1 : len(line)-2])
	}
	n, err := number()
	if err != nil {
		return nil, err
	}
	var args []string
	for range n {
		size, err := number()
		if err != nil {
			return nil, err
		}
		data := make([]byte, size+2)
		if _, err := io.ReadFull(r, data); err != nil {
			return nil, err
		}
		args = append(args, string(data[:size]))
	}
	return args, nil
}
