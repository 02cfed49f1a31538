package handlers

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

const (
	notesHeartbeat = 15 * time.Second // proxies close a stream that is silent for long
	notesSend      = 10 * time.Second // to send one event; after that the connection is cut
)

// events tells a visitor's tabs when their notes change, by server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). An event is the version of the notes. A browser
// that reconnects sends the last one that it got as Last-Event-ID. 204 tells a browser not to reconnect.
func (n *notebooks) events(stopping <-chan struct{}) func(*gin.Context) error {
	return func(c *gin.Context) error {
		visitor := kit.Cookie(c, notesCookie)
		switch open, known := n.watch(visitor); {
		case !known:
			c.Status(http.StatusNoContent)
			return nil
		case !open:
			return kit.Status(http.StatusTooManyRequests, "Too many of your tabs are open")
		}
		defer n.unwatch(visitor)
		if err := kit.Stream(c); err != nil {
			return err
		}
		c.Header("Content-Type", "text/event-stream")
		c.Header("Cache-Control", "no-store")
		heartbeat := time.NewTicker(notesHeartbeat)
		defer heartbeat.Stop()

		last := c.GetHeader("Last-Event-ID")
		message := ": hello\n\n" // a comment: with it the header is sent, so that the browser sees the stream begin
		for {
			book := n.of(visitor)
			if book.Version == "" { // the visitor was forgotten meanwhile
				return nil
			}
			if book.Version != last {
				last = book.Version
				message = fmt.Sprintf("id: %[1]s\nevent: notes\ndata: %[1]s\n\n", last)
			}
			if !sendEvent(c, message) {
				return nil
			}
			message = ""
			select {
			case <-book.changed:
			case <-heartbeat.C:
				message = ": still here\n\n"
			case <-stopping:
				return nil
			case <-c.Request.Context().Done():
				return nil
			}
		}
	}
}

// sendEvent reports whether the client took the message. A client that reads nothing is cut off after notesSend, since
// it would hold memory here.
func sendEvent(c *gin.Context, message string) bool {
	rc := http.NewResponseController(c.Writer)
	rc.SetWriteDeadline(time.Now().Add(notesSend))
	_, err := c.Writer.WriteString(message)
	if err == nil {
		err = rc.Flush()
	}
	rc.SetWriteDeadline(time.Time{}) // over HTTP/2 a deadline ends a stream that is idle, too
	return err == nil
}
