// Package logs makes the logger: its format, a writer that no request waits for, and what is told of handshakes that fail.
package logs

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"example.com/turnkey/middleware"
)

// New returns a logger that writes text or JSON to w. Every line that is logged with a request's context carries the request's id.
func New(w io.Writer, level slog.Level, json bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if json {
		h = slog.NewJSONHandler(w, options)
	}
	return slog.New(requestHandler{h, w, json})
}

// requestHandler adds the request's id, and writes plain records itself.
type requestHandler struct {
	slog.Handler
	plain io.Writer // nil once the logger has attributes of its own
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
