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

// An example to read and to remove: a form, an API, a live stream and a download over one small store. Each visitor has
// their own notes, in memory, so visitors of a public site do not see each other's notes. Two commands remove all of
// it:
//
//	rm handlers/notes*.go web/*/notes.*
//	sed -i.bak /notes/d handlers/routes.go handlers/site.go web/templates/home.html && rm handlers/*.bak web/*/*.bak

const (
	notesVisitors = 1000 // at most; the one seen longest ago is forgotten for a new one
	notesEach     = 20   // at most, for a visitor
	notesStreams  = 8    // open at once, for a visitor: one a tab

	// notesShown is how many bytes of a text that is too long the form shows again. The page is built in memory, where
	// a < takes four bytes.
	notesShown = 32 << 10

	notesCookie = "notes"
)

// notes registers the routes of the example.
func notes(r *gin.Engine, server kit.Server) {
	n := &notebooks{visitors: notesVisitors, each: notesEach, streams: notesStreams}
	write := middleware.RateLimit(30, time.Minute)

	r.GET("/notes", n.page)
	r.POST("/notes", write, kit.E(n.submit))
	r.POST("/notes/:id/delete", write, kit.E(n.discard)) // forms cannot send DELETE
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

// trimmed is text without space around it and with \n at line ends, where forms send \r\n.
type trimmed string

func (t *trimmed) UnmarshalText(text []byte) error {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	*t = trimmed(bytes.ToValidUTF8(bytes.TrimSpace(text), []byte("\uFFFD")))
	return nil
}

// shown is the text for the form that is shown again.
func (t trimmed) shown() string {
	return strings.ToValidUTF8(string(t[:min(len(t), notesShown)]), "")
}

// notesPage is what the page shows.
type notesPage struct {
	page
	notebook
	Text string // what the visitor entered, if it was refused
	Err  error  // why it was refused
}

func (n *notebooks) page(c *gin.Context) { n.render(c, http.StatusOK, "", nil) }

func (n *notebooks) render(c *gin.Context, status int, text string, err error) {
	c.Header("Cache-Control", "no-store") // so that no cache shows it to another visitor
	title := "Notes"
	if err != nil {
		title = "Not added – Notes" // which a screen reader says first
	}
	c.HTML(status, "notes", notesPage{newPage(c, title), n.of(kit.Cookie(c, notesCookie)), text, err})
}

// submit handles the page's form. A refused note is shown again, with what is wrong with it.
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
	c.Redirect(http.StatusSeeOther, "/notes") // so that a reload does not send the form again
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

// write adds a note. A visitor without notes gets a new cookie.
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
