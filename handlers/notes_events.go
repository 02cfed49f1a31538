package handlers

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

const (
	notesHeartbeat = 15 * time.Second // so that proxies keep a quiet stream open
	notesSend      = 10 * time.Second // for one event to be taken, or the reader is gone
)

// events tells a visitor's tabs when their notes change, by server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). An event is the version of the notes: whoever
// comes back with the last one in Last-Event-ID has missed nothing. 204 tells a browser not to ask again.
func (n *notebooks) events(stopping <-chan struct{}) func(*gin.Context) error {
	return func(c *gin.Context) error {
		visitor := kit.Cookie(c, notesCookie)
		switch open, known := n.watch(visitor); {
		case !known:
			c.Status(http.StatusNoContent)
			return nil
		case !open:
			return kit.Status(http.StatusTooManyRequests, "Too many of your tabs are listening")
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
		message := ": hello\n\n" // a comment: the header goes out, and the browser knows it is connected
		for {
			book := n.of(visitor)
			if book.Version == "" { // forgotten meanwhile
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

// sendEvent says whether the reader is still there. A reader who takes nothing for a while is not, so that nobody holds
// memory here by not reading.
func sendEvent(c *gin.Context, message string) bool {
	rc := http.NewResponseController(c.Writer)
	rc.SetWriteDeadline(time.Now().Add(notesSend))
	_, err := c.Writer.WriteString(message)
	if err == nil {
		err = rc.Flush()
	}
	rc.SetWriteDeadline(time.Time{}) // over HTTP/2 it would end the stream even while nothing is written
	return err == nil
}
