// Package logs has the loggers for a terminal (NewForPeople) and for programs (New), a writer that does not block
// requests (Writer), and the log of failed handshakes (Handshakes). If the reader of the log is too slow, lines are
// dropped and counted.
//
// It reads no settings and changes no global logger. It imports middleware, for the id of a request, and
// middleware/loglimit, and no other package of this project.
package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"example.com/turnkey/middleware"
)

// New returns a logger that writes lines of text or JSON to w, for programs. A line that is logged with the context of
// a request carries the request's id. No line holds control characters: they are escaped. In JSON a duration named
// "took" is a number of milliseconds named "took_ms". Text has the unit with the value.
func New(w io.Writer, level slog.Level, json bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(escaper{w}, options)
	if json {
		options.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
			if a.Value.Kind() == slog.KindDuration {
				return slog.Float64(withUnit(a.Key), milliseconds(a.Value.Duration()))
			}
			return a
		}
		h = slog.NewJSONHandler(escaper{w}, options)
	}
	return slog.New(requestHandler{h, w, json})
}

// withUnit returns the name of a duration in JSON.
func withUnit(key string) string { return strings.TrimSuffix(key, "_ms") + "_ms" }

// milliseconds returns a duration to the microsecond.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond).Microseconds()) / 1000
}

// escaper writes lines of slog's handlers. It escapes characters that these leave and that are not printable, since
// terminals act on some: U+007F, and in JSON U+0080 to U+009F and marks that turn the direction of text. In JSON these
// are in strings only, so that parsers read the same text.
type escaper struct{ w io.Writer }

func (e escaper) Write(line []byte) (int, error) {
	out := line
	if text := strings.TrimSuffix(string(line), "\n"); !isPrintable(text) {
		out = make([]byte, 0, len(line)+16)
		for _, r := range text {
			if unicode.IsPrint(r) {
				out = utf8.AppendRune(out, r)
				continue
			}
			for _, unit := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		}
		out = append(out, '\n')
	}
	_, err := e.w.Write(out)
	return len(line), err
}

// requestHandler adds the request's id, and writes plain records itself (appendRecord).
type requestHandler struct {
	slog.Handler
	plain io.Writer // nil if the logger has attributes or a group, which only Handler knows
	json  bool
}

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := middleware.RequestIDFrom(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	if h.plain != nil {
		line := lines.Get().(*[]byte)
		defer lines.Put(line)
		var ok bool
		if *line, ok = appendRecord((*line)[:0], r, h.json); ok {
			_, err := h.plain.Write(*line)
			return err
		}
	}
	return h.Handler.Handle(ctx, r)
}

var lines = sync.Pool{New: func() any { return new([]byte) }}

func (h requestHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return requestHandler{Handler: h.Handler.WithAttrs(a)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{Handler: h.Handler.WithGroup(name)}
}
