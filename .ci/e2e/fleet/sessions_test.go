package fleet

import (
	"crypto/tls"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// Visitors begin their sessions on one server, and come back to the others, also after all were restarted.
func TestSessionsResumeOnEveryServer(t *testing.T) {
	t.Parallel()
	const many = 200
	https, plain := ports(t)
	redis := rig.StartRedis(t)
	f := newFleet(t, redis.URL(), rig.PebbleOptions{HTTPPort: plain, TLSPort: https})
	a, b, c := f.start(https, plain), f.start(ports(t)), f.start(ports(t))
	f.waitFor(patience, nil, a, b, c)
	var visitors []*visitor
	for range many {
		v := newVisitor(0)
		if v.resumes(t, a) {
			t.Fatal("a session resumes that had not begun")
		}
		visitors = append(visitors, v)
	}
	look := func(when string, servers ...*server) {
		t.Helper()
		for i, s := range servers {
			resumed := 0
			for _, v := range visitors {
				if v.resumes(t, s) {
					resumed++
				}
			}
			record(t, fmt.Sprintf("sessions begun on A, %s, server %d of %d", when, i+1, len(servers)), "%d of %d resumed", resumed, many)
			if resumed != many {
				t.Errorf("%s, %d of %d sessions resume on server %d of %d", when, resumed, many, i+1, len(servers))
			}
		}
	}
	look("begun on another", b, c)
	v := newVisitor(tls.VersionTLS12)
	first, again := v.resumes(t, a), v.resumes(t, a)
	if first || again || v.ticket != nil {
		t.Error("a visitor without TLS 1.3 got a ticket")
	}

	var restarted []*server
	for _, s := range []*server{a, b, c} {
		s.Signal(t, syscall.SIGTERM)
		if code := s.ExitCode(t, patience); code != 0 {
			t.Errorf("a server ended with %d", code)
		}
		restarted = append(restarted, f.start(s.https, s.http))
	}
	f.waitFor(patience, nil, restarted...)
	look("after a restart of all", restarted...)

	redis.Ask(t, "FLUSHALL")
	rig.Eventually(t, patience, "the store to have again what the servers hold", func() bool {
		keys := redis.Ask(t, "KEYS turnkey:*")
		return strings.Contains(keys, f.slot()+"/tickets.key\r") && strings.Contains(keys, f.slot()+"/"+shop+".pem\r")
	})
	late := f.start(ports(t))
	f.waitFor(patience, nil, restarted[0], late)
	look("after the store was emptied, and on a new server", late)
	f.wantOrders(1)
}

// visitor is a client that keeps the first ticket it gets.
type visitor struct {
	config *tls.Config
	ticket *tls.ClientSessionState
}

func newVisitor(version uint16) *visitor {
	v := &visitor{}
	v.config = &tls.Config{InsecureSkipVerify: true, MaxVersion: version, ClientSessionCache: v}
	return v
}

func (v *visitor) Get(string) (*tls.ClientSessionState, bool) { return v.ticket, v.ticket != nil }
func (v *visitor) Put(_ string, ticket *tls.ClientSessionState) {
	if v.ticket == nil {
		v.ticket = ticket
	}
}

// resumes makes a request, and reports whether the session was resumed.
func (v *visitor) resumes(t *testing.T, at *server) bool {
	t.Helper()
	answer := rig.Get(t, rig.VisitorWith(v.config), fmt.Sprintf("https://%s:%d/healthz", shop, at.https))
	if answer.StatusCode != 200 {
		t.Fatalf("/healthz answers %s", answer.Status)
	}
	return answer.TLS.DidResume
}
