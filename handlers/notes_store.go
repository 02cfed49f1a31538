package handlers

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"example.com/turnkey/app/kit"
)

// notebooks are the notes of all visitors, in memory. Put a database in its place and the handlers stay as they are.
// It is safe for concurrent use.
type notebooks struct {
	visitors, each, streams int // how many at most

	mu    sync.Mutex
	books map[string]*notebook // by visitor
	clock int                  // counts visits, to know whom to forget
}

// notebook is one visitor's. The zero value is that of somebody who has written nothing yet.
type notebook struct {
	Notes   []note        // newest first; never nil
	Version string        // another one after each change; empty: there is none yet
	changed chan struct{} // closed with the next change
	next    int           // id
	seen    int           // by the clock
	streams int           // open
}

type note struct {
	ID   int    `json:"id"`
	Text string `json:"text"`
}

// of is a copy of a visitor's notebook.
func (n *notebooks) of(visitor string) notebook {
	n.mu.Lock()
	defer n.mu.Unlock()
	if b := n.visit(visitor); b != nil {
		out := *b
		out.Notes = slices.Clone(b.Notes)
		return out
	}
	return notebook{Notes: []note{}}
}

// add keeps a note. owner is who has it: a new visitor, if this one is not known. An id is made here and never taken
// from a request, so that nobody can make another person write into a notebook of their choice.
func (n *notebooks) add(visitor, text string) (made note, owner string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.visit(visitor)
	if b == nil {
		visitor = rand.Text() // 128 bits and more
		b = &notebook{Notes: []note{}, changed: make(chan struct{})}
		if n.books == nil {
			n.books = map[string]*notebook{}
		}
		if len(n.books) >= n.visitors {
			n.forget()
		}
		n.books[visitor] = b
		n.visit(visitor)
	}
	if len(b.Notes) >= n.each {
		return note{}, visitor, kit.Status(http.StatusConflict, "Only "+strconv.Itoa(n.each)+" notes are kept; delete one first")
	}
	b.next++
	made = note{b.next, text}
	b.Notes = slices.Insert(b.Notes, 0, made)
	b.change()
	return made, visitor, nil
}

// delete says whether there was such a note.
func (n *notebooks) delete(visitor string, id int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.visit(visitor)
	if b == nil {
		return false
	}
	before := len(b.Notes)
	b.Notes = slices.DeleteFunc(b.Notes, func(have note) bool { return have.ID == id })
	if len(b.Notes) == before {
		return false
	}
	b.change()
	return true
}

// watch takes one of a visitor's streams, if one is left; unwatch gives it back.
func (n *notebooks) watch(visitor string) (ok, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.visit(visitor)
	if b == nil || b.streams >= n.streams {
		return false, b != nil
	}
	b.streams++
	return true, true
}

func (n *notebooks) unwatch(visitor string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if b := n.books[visitor]; b != nil {
		b.streams--
	}
}

// visit returns nil for a visitor who is not known.
func (n *notebooks) visit(visitor string) *notebook {
	b := n.books[visitor]
	if b != nil {
		n.clock++
		b.seen = n.clock
	}
	return b
}

// forget drops whoever was not seen for longest.
func (n *notebooks) forget() {
	oldest := ""
	for visitor, b := range n.books {
		if oldest == "" || b.seen < n.books[oldest].seen {
			oldest = visitor
		}
	}
	n.books[oldest].change()
	delete(n.books, oldest)
}

// change wakes everybody who watches.
func (b *notebook) change() {
	b.Version = rand.Text()
	close(b.changed)
	b.changed = make(chan struct{})
}
