package middleware

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// AccessLog writes a line for every request once it is answered, at level info; the quiet paths (probes) at debug.
// It holds no query, cookie or other header, since those carry secrets.
func AccessLog(log *slog.Logger, quiet ...string) gin.HandlerFunc {
	isQuiet := map[string]bool{}
	for _, path := range quiet {
		isQuiet[path] = true
	}
	return func(c *gin.Context) {
		start := time.Now()
		// Deferred, so that a connection that is cut off leaves a line too.
		defer func() {
			r, level := c.Request, slog.LevelInfo
			if isQuiet[r.URL.Path] {
				level = slog.LevelDebug
			}
			ctx, id, verb := r.Context(), "", r.Method
			if rc, ok := ctx.(*requestContext); ok {
				ctx, id = rc.Context, rc.id // a handler that adds the id to every line has it here already
				if rc.isHead {
					verb = http.MethodHead
				}
			}
			if !log.Enabled(ctx, level) {
				return
			}
			// The record is made by hand: log.LogAttrs would walk the stack for a source line that says nothing.
			now := time.Now()
			record := slog.NewRecord(now, level, "request", 0)
			record.AddAttrs(
				slog.String("method", verb),
				slog.String("path", r.URL.Path),
				slog.Int("status", c.Writer.Status()),
				slog.Int("bytes", max(0, c.Writer.Size())),
				slog.Duration("duration", now.Sub(start)),
				slog.String("client", clientIP(c)),
				slog.String("proto", r.Proto),
				slog.String("request_id", id),
			)
			log.Handler().Handle(ctx, record)
		}()
		c.Next()
	}
}

// clientIP is c.ClientIP, without parsing for the many requests that came through no proxy.
func clientIP(c *gin.Context) string {
	for _, name := range []string{"X-Forwarded-For", "Cf-Connecting-Ip"} {
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
