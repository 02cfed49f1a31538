package kit

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// Stream lifts the server's read and write timeouts for this request: for responses without an end (server-sent
// events), and for long uploads and downloads. The write timeout would cut off the response, and the read timeout the
// request's body. It returns the error of http.ResponseController if the timeouts cannot be changed.
func Stream(c *gin.Context) error {
	c.Header("X-Accel-Buffering", "no") // nginx would hold the response back until it ends
	rc := http.NewResponseController(c.Writer)
	return errors.Join(rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{}))
}
