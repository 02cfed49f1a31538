package logs

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// The fast path must write the same lines as slog's own handlers, with times to the millisecond.
func TestLinesOfPlainRecordsEqualSlogs(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 1, 2, 3, 45678901, time.FixedZone("", 3600))
	for _, asJSON := range []bool{false, true} {
		var want bytes.Buffer
		h := New(&want, slog.LevelInfo, asJSON).Handler().(requestHandler).Handler
		r := slog.NewRecord(at, slog.LevelWarn, "request", 0)
		r.AddAttrs(slog.String("path", "/a/b"), slog.Int("status", 200), slog.Duration("took", 1500*time.Microsecond), slog.String("empty", ""))
		if err := h.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		got, ok := appendRecord(nil, r, asJSON)
		wanted := strings.Replace(want.String(), "03.045678901", "03.045", 1)
		if !ok || string(got) != wanted {
			t.Errorf("json %v: got\n%swant\n%s", asJSON, got, wanted)
		}
		for _, hard := range []slog.Attr{slog.String("a", `quo"te`), slog.String("a", "new\nline"), slog.String("a", "é"), slog.Any("a", []int{1}), slog.Group("g", slog.Int("a", 1)), slog.String("a", "x y=z")} {
			r := slog.NewRecord(at, slog.LevelInfo, "request", 0)
			r.AddAttrs(hard)
			if line, ok := appendRecord(nil, r, asJSON); ok {
				t.Errorf("json %v: %v did not go the long way but became %s", asJSON, hard, line)
			}
		}
	}
}

func FuzzLogLine(f *testing.F) {
	f.Add("/path", "GET")
	f.Add("a\"b\\c\n", "\x00\xff")
	f.Fuzz(func(t *testing.T, path, method string) {
		var out bytes.Buffer
		log := New(&out, slog.LevelInfo, true)
		log.Info("request", "path", path, "method", method)
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || bytes.Count(out.Bytes(), []byte("\n")) != 1 {
			t.Errorf("%q and %q became %q: %v", path, method, out.String(), err)
		}
	})
}
