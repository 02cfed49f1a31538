package site

import (
	"net/http"
	"strings"
	"testing"

	"example.com/turnkey/scripts/doctor/report"
)

func TestHTTP3IsLookedForWhereItIsOffered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		offer, record, answer bool
		state, recordState    report.State // "": no finding
		says                  string
	}{
		"as it should be":           {true, true, true, OK, OK, "answers on UDP port 443"},
		"without a record":          {true, false, true, OK, report.Note, "answers"},
		"closed by a firewall":      {true, false, false, Warn, report.Note, "nothing answers QUIC on UDP port 443 of 203.0.113.7, 2001:db8::7"},
		"promised by the DNS alone": {false, true, false, Warn, OK, "the HTTPS record in DNS promises it"},
		"not offered":               {false, false, true, OK, "", "not offered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.quic = test.answer
			if test.offer {
				w.secure = page(func(h http.Header) { h.Set("Alt-Svc", `h3=":443"; ma=3600`) })
			}
			if test.record {
				w.https("h3", "h2")
			} else {
				w.https("h2")
			}
			r := w.look()
			got := find(t, r, "protocol", "http3")
			if got.State != test.state || !strings.Contains(got.Found, test.says) || (got.Fix != "") != (got.State == Warn) {
				t.Errorf("got %+v", got)
			}
			for _, f := range r.Checks {
				if f.Name == "https-record" {
					if f.State != test.recordState {
						t.Errorf("got %+v", f)
					}
					test.recordState = ""
				}
			}
			if test.recordState != "" {
				t.Error("nothing is said of the record")
			}
		})
	}
}
