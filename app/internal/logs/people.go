package logs

import (
	"bytes"
	"context"
	"encoding"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lmittmann/tint"

	"example.com/turnkey/middleware"
)

// NewForPeople returns a logger for a terminal. A request is one short line, `GET /orders 200 1.1 ms`. Other lines have
// time, level, message and attributes. The stack of a panic follows its line. Only errors carry the request's id.
//
// With colour it writes escape codes. A client cannot write any: text that is not printable is quoted.
func NewForPeople(w io.Writer, level slog.Level, colour bool) *slog.Logger {
	p := &page{w: w, level: level, colour: colour}
	return slog.New(people{tint.NewTextHandler(&p.text, &tint.Options{
		Level: level, TimeFormat: time.TimeOnly, NoColor: !colour, ReplaceAttr: printable,
	}), p})
}

// people writes the record of a request itself, and lets tint write others.
type people struct {
	slog.Handler
	page *page
}

// page collects the text of one record, so that it is written at once.
type page struct {
	w      io.Writer
	level  slog.Level
	colour bool

	mu   sync.Mutex
	text bytes.Buffer
}

func (p people) Handle(ctx context.Context, r slog.Record) error {
	if q, ok := requestOf(r); ok {
		return p.page.request(q, r.Level)
	}
	rest := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	stack := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "stack" && a.Value.Kind() == slog.KindString {
			stack = a.Value.String()
		} else {
			rest.AddAttrs(a)
		}
		return true
	})
	if id := middleware.RequestIDFrom(ctx); id != "" && r.Level >= slog.LevelError {
		rest.AddAttrs(slog.String("request_id", id))
	}
	p.page.mu.Lock()
	defer p.page.mu.Unlock()
	p.page.text.Reset()
	if err := p.Handler.Handle(ctx, rest); err != nil {
		return err
	}
	p.page.stack(stack)
	_, err := p.page.w.Write(p.page.text.Bytes())
	return err
}

func (p people) WithAttrs(a []slog.Attr) slog.Handler { return people{p.Handler.WithAttrs(a), p.page} }

func (p people) WithGroup(name string) slog.Handler { return people{p.Handler.WithGroup(name), p.page} }

// request is a line of the access log.
type request struct {
	method, path, id string
	status           int64
	took             time.Duration
}

// requestOf reports false for any other record.
func requestOf(r slog.Record) (q request, ok bool) {
	if r.Message != "request" {
		return q, false
	}
	known := 0
	r.Attrs(func(a slog.Attr) bool {
		switch v := a.Value; {
		case a.Key == "method" && v.Kind() == slog.KindString:
			q.method = v.String()
		case a.Key == "path" && v.Kind() == slog.KindString:
			q.path = v.String()
		case a.Key == "status" && v.Kind() == slog.KindInt64:
			q.status = v.Int64()
		case a.Key == "duration" && v.Kind() == slog.KindDuration:
			q.took = v.Duration()
		default:
			if a.Key == "request_id" {
				q.id = v.String()
			}
			return true
		}
		known++
		return true
	})
	return q, known == 4
}

const (
	faint, reset             = "\x1b[2m", "\x1b[0m"
	red, green, yellow, cyan = "\x1b[91m", "\x1b[92m", "\x1b[93m", "\x1b[96m"
)

// request writes a line for a request. Pages have many assets, so these are shown at level debug only, unless one
// fails.
func (p *page) request(q request, level slog.Level) error {
	if strings.HasPrefix(q.path, "/static/") && q.status < 400 {
		level = min(level, slog.LevelDebug)
	}
	if level < p.level {
		return nil
	}
	colour := green
	switch q.status / 100 {
	case 3:
		colour = cyan
	case 4:
		colour = yellow
	case 5:
		colour = red
	}
	path := q.path
	if strings.ContainsRune(path, ' ') || !isPrintable(path) {
		path = strconv.Quote(path)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text.Reset()
	p.text.WriteString(escape(q.method) + " " + path + " ")
	p.paint(colour, strconv.FormatInt(q.status, 10))
	p.text.WriteByte(' ')
	p.paint(faint, span(q.took))
	if q.status >= 500 && q.id != "" {
		p.text.WriteByte(' ')
		p.paint(faint, "request_id="+escape(q.id))
	}
	p.text.WriteByte('\n')
	_, err := p.w.Write(p.text.Bytes())
	return err
}

func (p *page) paint(colour, text string) {
	if p.colour {
		text = colour + text + reset
	}
	p.text.WriteString(text)
}

// span formats a duration for people: "1.1 ms", "2.5 s", "10m0s".
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// printable is a ReplaceAttr for tint. With colour, tint writes an ESC as it is, and turns the four characters \x1b
// into one. So it gets text that needs quoting as bytes, which it quotes as strconv.Quote does.
func printable(groups []string, a slog.Attr) slog.Attr {
	text := ""
	switch v := a.Value; {
	case len(groups) == 0 && a.Key == slog.MessageKey:
		a.Value = slog.StringValue(escape(v.String()))
		return a
	case v.Kind() == slog.KindString:
		text = v.String()
	case v.Kind() == slog.KindAny:
		if _, isLevel := v.Any().(slog.Level); isLevel {
			return a
		}
		text = textOf(v.Any())
	default:
		return a
	}
	if a.Key = escape(a.Key); !isPrintable(text) || strings.ContainsRune(text, '\\') {
		a.Value = slog.AnyValue([]byte(text))
	} else {
		a.Value = slog.StringValue(text)
	}
	return a
}

// textOf returns a value as slog.TextHandler writes it.
func textOf(v any) (text string) {
	defer func() { // as slog does: a method of a nil pointer may panic
		if recover() != nil {
			text = fmt.Sprintf("!PANIC in %T", v)
		}
	}()
	switch v := v.(type) {
	case encoding.TextMarshaler:
		if data, err := v.MarshalText(); err == nil {
			return string(data)
		}
	case []byte:
		return string(v)
	}
	return fmt.Sprintf("%+v", v)
}

func isPrintable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// escape returns text with escapes in place of what is not printable: control characters, marks that turn the
// direction of text, bytes that are not UTF-8.
func escape(s string) string {
	if isPrintable(s) {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}
