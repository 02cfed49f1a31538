package handlers

import (
	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"

	"example.com/you/shop/app/kit"
)

// chat answers questions about the stock over a WebSocket.
func (s *shop) chat(c *gin.Context) error {
	// Another site's page may open this too, and your visitor's cookies come along.
	if !c.IsWebsocket() || c.GetHeader("Origin") != "https://"+c.Request.Host {
		return kit.Status(403, "only for pages of this site")
	}
	ws, err := websocket.Accept(c.Writer, c.Request, nil)
	if err != nil {
		return err // Accept has answered
	}
	defer ws.CloseNow()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-s.server.Stopping():
			ws.Close(websocket.StatusGoingAway, "the server stops") // ends the Read below
		case <-ended:
		}
	}()
	for ctx := c.Request.Context(); ; {
		_, question, err := ws.Read(ctx)
		if err != nil {
			return nil // the visitor has left
		}
		answer := []byte("Which of our teas do you mean?")
		s.QueryRowContext(ctx, `SELECT name || ': ' || stock || ' left' FROM products WHERE instr(lower(?), lower(name))`,
			string(question)).Scan(&answer)
		if err := ws.Write(ctx, websocket.MessageText, answer); err != nil {
			return nil
		}
	}
}
