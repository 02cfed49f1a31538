package handlers

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"example.com/turnkey/app/kit"
)

// notebooks are the notes of all visitors, in memory. A database can replace it without a change to the handlers. It is
// safe for concurrent use.
type notebooks struct {
	visitors, each, streams int // limits: visitors, and notes and streams of each

	mu    sync.Mutex
	books map[string]*notebook // by visitor
	clock int                  // number of visits so far, which orders them in time
}

// notebook has the notes of one visitor.
type notebook struct {
	Notes   []note        // newest first; never nil
	Version string        // new after each change; empty for a visitor who is not known
	changed chan struct{} // closed at the next change
	lastID  int           // of the newest note
	seen    int           // clock at the last visit
	streams int           // open now
}

type note struct {
	ID   int    `json:"id"`
	Text string `json:"text"`
}

// of returns a copy of a visitor's notebook, which is empty for a visitor who is not known.
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

// add adds a note. A visitor who is not known gets a new notebook under a new id, which is returned as owner. An id
// from a request is never used for it: an attacker could otherwise plant an id in a victim's browser and read the
// notes.
func (n *notebooks) add(visitor, text string) (made note, owner string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.visit(visitor)
	if b == nil {
		visitor = rand.Text() // 128 bits or more
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
		full := "Only " + strconv.Itoa(n.each) + " notes are kept; delete one first"
		return note{}, visitor, kit.Status(http.StatusConflict, full)
	}
	b.lastID++
	made = note{b.lastID, text}
	b.Notes = slices.Insert(b.Notes, 0, made)
	b.change()
	return made, visitor, nil
}

// delete reports whether the visitor had the note.
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

// watch reports whether the visitor may open one more stream, and counts it. unwatch ends it.
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

// visit returns nil for a visitor who is not known. The caller holds the lock.
func (n *notebooks) visit(visitor string) *notebook {
	b := n.books[visitor]
	if b != nil {
		n.clock++
		b.seen = n.clock
	}
	return b
}

// forget removes the visitor who was seen longest ago.
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

// change wakes the streams.
func (b *notebook) change() {
	b.Version = rand.Text()
	close(b.changed)
	b.changed = make(chan struct{})
}
