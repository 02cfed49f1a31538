// Package logs makes the logger: its format, a writer that no request waits for (Writer), and what is logged of
// handshakes that fail (Handshakes). A log line never blocks a request: if the reader of the log is too slow, lines are
// dropped, and counted.
//
// It reads no settings and changes no global logger. Of this project it imports only middleware, for the id of a
// request, and middleware/loglimit.
package logs

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"example.com/turnkey/middleware"
)

// New returns a logger that writes lines of text or JSON to w. A line that is logged with the context of a request
// carries the request's id.
func New(w io.Writer, level slog.Level, json bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if json {
		h = slog.NewJSONHandler(w, options)
	}
	return slog.New(requestHandler{h, w, json})
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
