package main

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
)

// lastWords is how many lines of a failed part are shown.
const lastWords = 12

// lines passes on what a program writes, one line at a time, and keeps the last lines.
type lines struct {
	heard func(line string)

	mu   sync.Mutex
	rest []byte
	tail []string
}

func (l *lines) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, data...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			return len(data), nil
		}
		line := strings.TrimRight(string(l.rest[:i]), "\r")
		l.rest = l.rest[i+1:]
		if l.tail = append(l.tail, line); len(l.tail) > lastWords {
			l.tail = l.tail[1:]
		}
		l.heard(line)
	}
}

// last returns the last lines, without empty ones around them.
func (l *lines) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Trim(strings.Join(l.tail, "\n")+"\n"+string(l.rest), "\n")
}

// fields parses a line of log/slog's text format. Any other line has no fields.
func fields(line string) map[string]string {
	out := map[string]string{}
	for line != "" {
		name, rest, ok := strings.Cut(line, "=")
		if !ok {
			return nil
		}
		if quoted, err := strconv.QuotedPrefix(rest); err == nil {
			out[name], _ = strconv.Unquote(quoted)
			line = strings.TrimPrefix(rest[len(quoted):], " ")
			continue
		}
		out[name], line, _ = strings.Cut(rest, " ")
	}
	return out
}
