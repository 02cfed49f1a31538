package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// Stream lifts the server's read and write timeouts for this one request, for answers without an end (server-sent
// events) and for long uploads and downloads. Both have to go: the read timeout alone would cancel the request's
// context in the middle of a stream.
func Stream(c *gin.Context) error {
	rc := http.NewResponseController(c.Writer)
	return errors.Join(rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{}))
}
