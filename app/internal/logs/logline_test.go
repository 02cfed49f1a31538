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
		for _, hard := range []slog.Attr{slog.String("a", `quo"te`), slog.String("a", "new\nline"), slog.String("a", "é"), slog.Any("a", []int{1}), slog.Group("g", slog.Int("a", 1)), slog.String("a", "x y=z"),
			slog.Int("new\nline", 1), slog.Duration(`quo"te`, 1), slog.String("x y", "1"), slog.String("", "1")} {
			r := slog.NewRecord(at, slog.LevelInfo, "request", 0)
			r.AddAttrs(hard)
			if line, ok := appendRecord(nil, r, asJSON); ok {
				t.Errorf("json %v: %v did not go the long way but became %s", asJSON, hard, line)
			}
		}
	}
}

// What a client chose may be the name of an attribute, as of a header or a form's field.
func TestNamesOfAttributesAreEscaped(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		New(&out, slog.LevelInfo, asJSON).Info("webhook", "a\nlevel=ERROR msg=forged\":1,\"b", 1)
		if line := out.String(); strings.Count(line, "\n") != 1 || asJSON && !json.Valid(out.Bytes()) {
			t.Errorf("got\n%s", line)
		}
	}
}

func TestTimesAreThoseOfTheirZone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h := New(&out, slog.LevelInfo, true).Handler()
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	for _, zone := range []*time.Location{time.FixedZone("", 3600), time.UTC} {
		if err := h.Handle(t.Context(), slog.NewRecord(at.In(zone), slog.LevelInfo, "tick", 0)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{`"2026-11-23T02:02:03.000+01:00"`, `"2026-11-23T01:02:03.000Z"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line has the time %s:\n%s", want, out.String())
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
