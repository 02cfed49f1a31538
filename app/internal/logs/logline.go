package logs

import (
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// appendRecord appends a record of plain attributes, as the handlers of New write it, at a third of their cost. The
// access log has such a record for each request. For a record with anything else, ok is false: slog's handler has to
// write it.
func appendRecord(buf []byte, r slog.Record, json bool) (line []byte, ok bool) {
	ok = isPlain(r.Message) && !r.Time.IsZero()
	if json {
		buf = append(buf, `{"time":"`...)
		buf = appendTime(buf, r.Time)
		buf = append(buf, `","level":"`...)
		buf = append(buf, r.Level.String()...)
		buf = append(buf, `","msg":`...)
	} else {
		buf = append(buf, "time="...)
		buf = appendTime(buf, r.Time)
		buf = append(buf, " level="...)
		buf = append(buf, r.Level.String()...)
		buf = append(buf, " msg="...)
	}
	buf = appendText(buf, r.Message, json)
	r.Attrs(func(a slog.Attr) bool {
		ok = ok && isPlain(a.Key) && a.Key != ""
		if json {
			buf = append(buf, ',', '"')
			if a.Value.Kind() == slog.KindDuration { // as withUnit, without its allocation
				buf = append(append(buf, strings.TrimSuffix(a.Key, "_ms")...), "_ms"...)
			} else {
				buf = append(buf, a.Key...)
			}
			buf = append(buf, '"', ':')
		} else {
			buf = append(buf, ' ')
			buf = append(buf, a.Key...)
			buf = append(buf, '=')
		}
		switch a.Value.Kind() {
		case slog.KindString:
			ok = ok && isPlain(a.Value.String())
			buf = appendText(buf, a.Value.String(), json)
		case slog.KindInt64:
			buf = strconv.AppendInt(buf, a.Value.Int64(), 10)
		case slog.KindDuration:
			if json {
				buf = strconv.AppendFloat(buf, milliseconds(a.Value.Duration()), 'f', -1, 64)
			} else {
				buf = append(buf, a.Value.Duration().String()...)
			}
		default:
			ok = false
		}
		return ok
	})
	if json {
		buf = append(buf, '}')
	}
	return append(buf, '\n'), ok
}

// isPlain reports whether text needs no escaping in either format. The few other characters that need none are rare.
func isPlain(s string) bool {
	for i := range len(s) {
		if b := s[i]; (b < '\'' || b > ';') && (b < '?' || b > '~' || b == '\\') {
			return false
		}
	}
	return true
}

func appendText(buf []byte, s string, json bool) []byte {
	if json || s == "" {
		return append(append(append(buf, '"'), s...), '"')
	}
	return append(buf, s...)
}

// second is a second of time as text, up to the fraction and after it.
type second struct {
	unix int64
	in   *time.Location
	text string // 2006-01-02T15:04:05
	zone string // Z or +07:00
}

var thisSecond atomic.Pointer[second]

// appendTime appends a time as RFC 3339 with milliseconds. Once a second it formats everything but the milliseconds.
func appendTime(buf []byte, t time.Time) []byte {
	s := thisSecond.Load()
	if unix := t.Unix(); s == nil || s.unix != unix || s.in != t.Location() {
		s = &second{unix, t.Location(), t.Format("2006-01-02T15:04:05"), t.Format("Z07:00")}
		thisSecond.Store(s)
	}
	ms := t.Nanosecond() / 1e6
	buf = append(buf, s.text...)
	buf = append(buf, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	return append(buf, s.zone...)
}
