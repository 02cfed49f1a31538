package middleware

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/proxyheader"
)

// accessLog writes a line for every request once it is answered. The level is info, and debug for the quiet paths,
// such as those of probes. The line has no query, cookie or other header, since these carry secrets.
//
// A response that the server's write timeout has cut off is logged with status 500, since the client did not get the
// handler's, and with a warning that names the fix.
func accessLog(log *slog.Logger, quiet ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		start, w := time.Now(), watch(c)
		// Deferred, so that a request whose connection is cut leaves a line too: failures cuts it by a panic.
		defer func() {
			r, level := c.Request, slog.LevelInfo
			if slices.Contains(quiet, r.URL.Path) {
				level = slog.LevelDebug
			}
			ctx, id, verb := r.Context(), "", method(r)
			if rc, ok := ctx.(*requestContext); ok {
				// Without the id in the context: a slog.Handler that adds the context's id would add it twice.
				ctx, id = rc.Context, rc.id
			}
			now, status := time.Now(), w.Status()
			if limit := w.timedOut(r, now.Sub(start)); limit > 0 {
				status = http.StatusInternalServerError
				log.WarnContext(r.Context(), "the response was cut off by the write timeout: call kit.Stream(c) at the "+
					"top of the handler", "method", verb, "path", r.URL.Path, "timeout", limit)
			}
			if !log.Enabled(ctx, level) {
				return
			}
			// log.LogAttrs would walk the stack for the line of this call, which is always the same.
			record := slog.NewRecord(now, level, "request", 0)
			record.AddAttrs(
				slog.String("method", verb),
				slog.String("path", r.URL.Path),
				slog.Int("status", status),
				slog.Int("bytes", max(0, w.Size())),
				slog.Duration("duration", now.Sub(start)),
				slog.String("client", clientIP(c)),
				slog.String("proto", r.Proto),
				slog.String("request_id", id),
			)
			log.Handler().Handle(ctx, record)
		}()
		c.Next()
		w.release()
	}
}

// clientIP returns c.ClientIP(), without parsing an address for the many requests that came through no proxy. Such
// requests have none of the headers in which a trusted proxy can name the client, since forwarded has removed them.
func clientIP(c *gin.Context) string {
	for _, name := range proxyheader.ClientHeaders {
		if c.Request.Header[name] != nil {
			return c.ClientIP()
		}
	}
	addr := c.Request.RemoteAddr
	if i := strings.LastIndexByte(addr, ':'); i >= 0 {
		addr = addr[:i]
	}
	return strings.Trim(addr, "[]")
}
