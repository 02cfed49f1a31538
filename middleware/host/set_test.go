package host

import (
	"sync"
	"testing"
)

func TestASetAllowsItsNames(t *testing.T) {
	t.Parallel()
	set := NewSet([]string{"shop.test", "*.wild.test", "::1"})
	for header, want := range map[string]bool{
		"shop.test": true, "SHOP.Test.:8443": true, "a.wild.test": true, "[::1]:8443": true, "wild.test": false,
		"a.b.wild.test": false, "evil.test": false, "": false, "192.168.1.20": false, "shop.test@evil.test": false,
		"[::1]": true, "[::1]:@evil.test": false, "[::1]x": false, "[::1": false,
	} {
		if got := set.Allows(header); got != want {
			t.Errorf("%q allowed: %v, want %v", header, got, want)
		}
	}
	var none *Set
	for name, set := range map[string]*Set{"without names": NewSet(nil), "that is zero": {}, "that is nil": none} {
		if !set.Allows("anything.example") {
			t.Errorf("a set %s allows nothing, want everything", name)
		}
	}
}

func TestSetIsSafeForConcurrentUse(t *testing.T) {
	set := NewSet([]string{"shop.test"})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				if !set.Allows("shop.test") {
					t.Error("a name that is in both sets was refused")
					return
				}
			}
		})
	}
	for range 1000 {
		set.Replace([]string{"shop.test", "other.test"})
	}
	wg.Wait()
	if got := testing.AllocsPerRun(100, func() { set.Allows("shop.test:8443") }); got > 0 {
		t.Errorf("%v allocations a look, want none", got)
	}
}
