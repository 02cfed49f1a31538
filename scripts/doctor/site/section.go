package site

import "example.com/turnkey/scripts/doctor/report"

// section collects the findings of a group.
type section struct {
	group string
	found []report.Finding
}

func (s *section) ok(name, found string)         { s.add(name, report.OK, found, "") }
func (s *section) warn(name, found, fix string)  { s.add(name, report.Warn, found, fix) }
func (s *section) wrong(name, found, fix string) { s.add(name, report.Wrong, found, fix) }
func (s *section) skip(name, reason string)      { s.add(name, report.Skipped, reason, "") }

func (s *section) add(name string, state report.State, found, fix string) {
	s.found = append(s.found, report.New(s.group, name, state, found, fix))
}

// part shortens a text that a site sent, where other text follows in the same line.
func part(s string) string { return report.Part(s) }

// report joins the sections and what was learnt about the site.
func (l *look) report(sections []section) report.Report {
	var found []report.Finding
	for _, s := range sections {
		found = append(found, s.found...)
	}
	r := report.Of(found, l.now)
	r.URL, r.Addresses = l.url("https", ""), []string{}
	for _, a := range l.addrs {
		r.Addresses = append(r.Addresses, a.String())
	}
	if l.served != nil {
		r.Certificate = describe(l.served.PeerCertificates[0])
	}
	return r
}
