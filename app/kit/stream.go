package kit

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// Stream lifts the server's read and write timeouts for this one request, for answers without an end (server-sent
// events) and for long uploads and downloads: the write timeout would cut an answer, the read timeout a request's body.
func Stream(c *gin.Context) error {
	c.Header("X-Accel-Buffering", "no") // nginx would hold an answer back until it ends
	rc := http.NewResponseController(c.Writer)
	return errors.Join(rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{}))
}
