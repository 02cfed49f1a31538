package handlers

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

// The example: a form, an API, a live stream and a download over one small store. Every visitor has notes of their
// own, in memory, so that a site which shows it to the world shares nothing between strangers. The README says how
// to remove it.

const (
	notesVisitors = 1000 // who are remembered at once
	notesEach     = 20
	notesStreams  = 8        // open at once a visitor: tabs
	notesShown    = 32 << 10 // bytes of a text that is too long, shown again: a page is made in memory, where a < is four

	notesCookie = "notes"
)

// notes puts the example in place.
func notes(r *gin.Engine, server kit.Server) {
	n := &notebooks{visitors: notesVisitors, each: notesEach, streams: notesStreams}
	write := middleware.RateLimit(30, time.Minute)

	r.GET("/notes", n.page)
	r.POST("/notes", write, kit.E(n.submit))
	r.POST("/notes/:id/delete", write, kit.E(n.discard)) // forms know no DELETE
	r.GET("/notes/download", n.download)
	r.GET("/notes/events", kit.E(n.events(server.Stopping())))

	api := r.Group("/api/notes")
	api.GET("", n.list)
	api.POST("", write, kit.E(n.create))
	api.GET("/:id", kit.E(n.show))
	api.DELETE("/:id", write, kit.E(n.remove))
}

// noteInput is what a visitor sends, as a form or as JSON.
type noteInput struct {
	Text trimmed `form:"text,parser=encoding.TextUnmarshaler" json:"text" binding:"required,max=500"`
}

// trimmed is text without space around it, and with the line ends that forms make of \n made good again.
type trimmed string

func (t *trimmed) UnmarshalText(text []byte) error {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	*t = trimmed(bytes.ToValidUTF8(bytes.TrimSpace(text), []byte("\uFFFD")))
	return nil
}

// shown is the text as the page shows it again.
func (t trimmed) shown() string {
	return strings.ToValidUTF8(string(t[:min(len(t), notesShown)]), "")
}

// notesView is what the page shows.
type notesView struct {
	notebook
	Text string // entered, and not taken
	Err  error  // why
}

func (n *notebooks) page(c *gin.Context) { n.render(c, http.StatusOK, "", nil) }

func (n *notebooks) render(c *gin.Context, status int, text string, err error) {
	c.Header("Cache-Control", "no-store") // it is this visitor's
	c.HTML(status, "notes", notesView{n.of(kit.Cookie(c, notesCookie)), text, err})
}

// submit takes the page's form. What is wrong with it is said on the page, beside what was entered.
func (n *notebooks) submit(c *gin.Context) error {
	var in noteInput
	if err := kit.Bind(c, &in); kit.FieldErrors(err) != nil {
		n.render(c, http.StatusUnprocessableEntity, in.Text.shown(), err)
		return nil
	} else if err != nil {
		return err
	}
	if _, err := n.write(c, in); err != nil {
		n.render(c, http.StatusConflict, in.Text.shown(), err)
		return nil
	}
	c.Redirect(http.StatusSeeOther, "/notes") // so that a reload does not send it again
	return nil
}

func (n *notebooks) discard(c *gin.Context) error {
	if err := n.erase(c); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, "/notes")
	return nil
}

func (n *notebooks) download(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Disposition", `attachment; filename="notes.json"`)
	c.IndentedJSON(http.StatusOK, n.of(kit.Cookie(c, notesCookie)).Notes)
}

func (n *notebooks) list(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, n.of(kit.Cookie(c, notesCookie)).Notes)
}

func (n *notebooks) create(c *gin.Context) error {
	var in noteInput
	if err := kit.Bind(c, &in); err != nil {
		return err
	}
	made, err := n.write(c, in)
	if err != nil {
		return err
	}
	c.Header("Location", fmt.Sprintf("/api/notes/%d", made.ID))
	c.JSON(http.StatusCreated, made)
	return nil
}

func (n *notebooks) show(c *gin.Context) error {
	c.Header("Cache-Control", "no-store")
	of := n.of(kit.Cookie(c, notesCookie))
	i := slices.IndexFunc(of.Notes, func(have note) bool { return strconv.Itoa(have.ID) == c.Param("id") })
	if i < 0 {
		return errNoNote()
	}
	c.JSON(http.StatusOK, of.Notes[i])
	return nil
}

func (n *notebooks) remove(c *gin.Context) error {
	if err := n.erase(c); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// write keeps a note, and gives a cookie to a visitor who writes for the first time, or whom the server has forgotten.
func (n *notebooks) write(c *gin.Context, in noteInput) (note, error) {
	visitor := kit.Cookie(c, notesCookie)
	made, owner, err := n.add(visitor, string(in.Text))
	if owner != visitor {
		kit.SetCookie(c, notesCookie, owner, 0)
	}
	return made, err
}

func (n *notebooks) erase(c *gin.Context) error {
	id, err := strconv.Atoi(c.Param("id"))
	if err != nil || !n.delete(kit.Cookie(c, notesCookie), id) {
		return errNoNote()
	}
	return nil
}

func errNoNote() error { return kit.Status(http.StatusNotFound, "You have no such note") }
