package handlers

import (
	"fmt"
	"sync"
	"testing"
)

func TestVisitorsDoNotShareNotes(t *testing.T) {
	t.Parallel()
	n := &notebooks{visitors: 10, each: 10, streams: 1}
	_, ada, err := n.add("", "Ada's")
	if err != nil {
		t.Fatal(err)
	}
	_, bob, err := n.add("an id of my own choice", "Bob's")
	if err != nil {
		t.Fatal(err)
	}
	if bob == ada || bob == "an id of my own choice" || len(bob) < 26 {
		t.Errorf("a visitor's id is %q, want one made here, of 128 bits or more", bob)
	}
	if got := n.of(ada).Notes; len(got) != 1 || got[0].Text != "Ada's" {
		t.Errorf("Ada has %v", got)
	}
	if n.delete(bob, n.of(ada).Notes[0].ID+1) || n.delete("", 1) || n.delete("nobody", 1) {
		t.Error("what is not there was deleted")
	}
	n.add(ada, "second")
	had := n.of(ada).Notes
	if !n.delete(ada, had[0].ID) || had[0].Text != "second" || had[1].Text != "Ada's" {
		t.Errorf("what was handed out changed with the notebook: %v", had)
	}
	for _, unknown := range []string{"", "an id of my own choice"} {
		if got := n.of(unknown); got.Notes == nil || len(got.Notes) != 0 || got.Version != "" {
			t.Errorf("%q has %+v, want an empty notebook", unknown, got)
		}
	}
}

func TestNotesAndVisitorsAreLimited(t *testing.T) {
	t.Parallel()
	n := &notebooks{visitors: 3, each: 2, streams: 2}
	var ids []string
	for range 3 {
		_, id, _ := n.add("", "first")
		ids = append(ids, id)
	}
	n.watch(ids[2]) // an open stream must not protect a notebook from removal
	gone := n.of(ids[2])
	n.of(ids[1])
	n.of(ids[0])
	n.add("", "a newcomer's")
	for i, want := range []int{1, 1, 0} {
		if got := len(n.of(ids[i]).Notes); got != want {
			t.Errorf("visitor %d has %d notes, want %d: the least recently seen is forgotten", i, got, want)
		}
	}
	select {
	case <-gone.changed:
	default:
		t.Error("who watches a forgotten notebook is not woken")
	}
	if len(n.books) != 3 {
		t.Errorf("%d visitors are remembered, want 3", len(n.books))
	}

	n.add(ids[0], "second")
	if _, owner, err := n.add(ids[0], "third"); err == nil || owner != ids[0] {
		t.Errorf("a third note of two got %v for %q", err, owner)
	}
	for i, want := range []bool{true, true, false} {
		if ok, known := n.watch(ids[1]); ok != want || !known {
			t.Errorf("stream %d of 2: got %v %v, want %v", i+1, ok, known, want)
		}
	}
	n.unwatch(ids[1])
	if ok, _ := n.watch(ids[1]); !ok {
		t.Error("a stream that ended leaves no room for another")
	}
	if ok, known := n.watch("nobody"); ok || known {
		t.Error("a visitor who is not known gets a stream")
	}
}

// The race detector checks the concurrent access.
func TestNotesAtTheSameTime(t *testing.T) {
	t.Parallel()
	n := &notebooks{visitors: 5, each: 20, streams: 3}
	tabs := &notebooks{visitors: 5, each: 20, streams: 3}
	_, shared, _ := tabs.add("", "first")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			visitor := ""
			for i := range 200 {
				made, owner, err := n.add(visitor, fmt.Sprint(i))
				visitor = owner
				if ok, _ := n.watch(visitor); ok {
					defer n.unwatch(visitor)
				}
				if err != nil || i%3 == 0 {
					n.delete(visitor, made.ID)
				}
			}
		})
	}
	for range 4 { // four tabs of one visitor
		wg.Go(func() {
			for range 50 {
				tabs.add(shared, "more")
				for _, have := range tabs.of(shared).Notes {
					tabs.delete(shared, have.ID)
				}
			}
		})
	}
	wg.Wait()
	if len(n.books) != 5 {
		t.Errorf("%d visitors are remembered, want 5", len(n.books))
	}
	for _, b := range n.books {
		if len(b.Notes) > 20 {
			t.Errorf("a visitor has %d notes", len(b.Notes))
		}
	}
}
