package handlers

import (
	"errors"
	"sync"
	"testing"
)

// Requests at once, of several processes too, change one account. Each change is made to the account as it is then.
func TestNoChangeOfAnAccountIsLost(t *testing.T) {
	t.Parallel()
	_, a, _ := startWithMail(t)
	ada := address("ada")
	create := func() error { return a.users.create(user{Email: ada}) }
	if first, second := create(), create(); first != nil || !errors.Is(second, errTaken) {
		t.Errorf("the address twice: %v, then %v", first, second)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				if _, err := a.users.update(ada, func(u *user) error { u.Generation++; return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if u, err := a.users.find(ada); err != nil || u.Generation != 40 {
		t.Errorf("after 40 changes there is %+v %v", u, err)
	}

	refuse := errors.New("changed in the meantime")
	u, err := a.users.update(ada, func(u *user) error { u.Generation++; return refuse })
	if u != nil || !errors.Is(err, refuse) {
		t.Errorf("got %v %v", u, err)
	}
	if u, err := a.users.find(ada); err != nil || u.Generation != 40 {
		t.Errorf("a refused change is stored: %+v %v", u, err)
	}
	if _, err := a.users.update(address("nobody"), func(*user) error { return nil }); !errors.Is(err, errNoUser) {
		t.Errorf("an account that is not there: %v", err)
	}
}
