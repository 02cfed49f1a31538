package kit

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// Stream removes the server's read and write timeouts for this request: for responses without an end (server-sent
// events), and for long uploads and downloads. It returns the error of http.ResponseController if the timeouts cannot
// be changed.
func Stream(c *gin.Context) error {
	c.Header("X-Accel-Buffering", "no") // nginx would hold the response back until it ends
	rc := http.NewResponseController(c.Writer)
	return errors.Join(rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{}))
}

const eventWait = 10 * time.Second // for a client to take an event

var lines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// Event sends a server-sent event at once: a text as it is, anything else as JSON. A CR LF or CR reaches the browser as
// a line feed, since events know no other end of a line. c.SSEvent of gin sends a literal \r, and loses a space at the
// beginning. Event returns an error once the client has gone, or takes nothing for 10 s.
func Event(c *gin.Context, name string, data any) error {
	text, ok := data.(string)
	if !ok {
		encoded, err := json.Marshal(data)
		if err != nil {
			return err
		}
		text = string(encoded)
	}
	if c.Writer.Header().Get("Content-Type") == "" {
		c.Header("Content-Type", "text/event-stream")
		c.Header("Cache-Control", "no-store")
	}
	var b strings.Builder
	if name != "" {
		b.WriteString("event: " + strings.ReplaceAll(lines.Replace(name), "\n", " ") + "\n")
	}
	for line := range strings.SplitSeq(lines.Replace(text), "\n") {
		b.WriteString("data: " + line + "\n")
	}
	rc := http.NewResponseController(c.Writer)
	// Without a deadline a client that reads nothing would hold the handler, and every stop.
	if err := rc.SetWriteDeadline(time.Now().Add(eventWait)); err != nil {
		return err
	}
	if _, err := c.Writer.WriteString(b.String() + "\n"); err != nil {
		return err
	}
	if err := rc.Flush(); err != nil {
		return err
	}
	return errors.Join(rc.SetWriteDeadline(time.Time{}), c.Request.Context().Err())
}
