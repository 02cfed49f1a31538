package localca

import (
	"strings"
	"time"
)

// Lines says for a developer what Ensure did, and what to do next.
func (r Result) Lines(req Request) []string {
	var lines []string
	if r.MadeCA {
		limits := "it can vouch for private names only (localhost, *.test, *.local, LAN addresses), " +
			"and its root key was never stored"
		if isUnconstrained(req.CADir) {
			limits = "it can vouch for any site on the internet; its root key was never stored, its issuing key is there"
		}
		lines = append(lines, "local CA     made in "+req.CADir, "             "+limits)
		if r.whyCA != caFirst {
			lines = append(lines, "             "+r.whyCA+"; for browsers to trust the new one: make trust")
		}
	}
	until := "until " + r.Leaf.NotAfter.Format(time.DateOnly) + ", renewed by itself"
	if r.Why != "" {
		lines = append(lines,
			"certificate  made "+req.CertFile+" and "+req.KeyFile+" ("+r.Why+"), "+until,
			"             for "+strings.Join(certNames(r.Leaf), ", "))
	} else {
		lines = append(lines, "certificate  "+req.CertFile+" "+until)
	}
	if len(r.Skipped) > 0 {
		lines = append(lines, "             not for "+strings.Join(r.Skipped, ", ")+
			": the local CA signs private names only, such as shop.test")
	}
	return lines
}
