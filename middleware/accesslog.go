package middleware

import (
	"log/slog"
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
			ctx := r.Context()
			if !log.Enabled(ctx, level) {
				return
			}
			log.LogAttrs(ctx, level, "request",
				slog.String("method", method(r)),
				slog.String("path", r.URL.Path),
				slog.Int("status", c.Writer.Status()),
				slog.Int("bytes", max(0, c.Writer.Size())),
				slog.Duration("duration", time.Since(start)),
				slog.String("client", c.ClientIP()),
				slog.String("proto", r.Proto),
			)
		}()
		c.Next()
	}
}
