package authority

import (
	"net/http"
	"slices"
	"strings"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// final reports whether the CA would refuse the same request again. orderNotReady is not final: a CA says it to a
// second request to finalize an order, and a proxy that lost the answer to the first one causes the second.
func final(p *cert.Problem) bool {
	switch {
	case p.Status == http.StatusTooManyRequests, p.Status == http.StatusRequestTimeout,
		strings.HasSuffix(p.Type, ":badNonce"), strings.HasSuffix(p.Type, ":orderNotReady"):
		return false
	}
	return 400 <= p.Status && p.Status < 500
}

// worst returns the problem that explains a failed attempt. A challenge's own problem comes before what followed from
// it. If several types of challenge failed, the last problem has the others as subproblems.
func worst(problems []cert.Problem) *cert.Problem {
	var failed []cert.Problem
	for _, p := range problems {
		if p.Challenge != "" && (len(failed) == 0 || failed[len(failed)-1].Challenge != p.Challenge) {
			failed = append(failed, p)
		}
	}
	if len(failed) == 0 {
		failed = problems[max(0, len(problems)-1):]
	}
	if len(failed) == 0 {
		return nil
	}
	last := failed[len(failed)-1]
	last.Subproblems = append(slices.Clip(last.Subproblems), failed[:len(failed)-1]...)
	for _, p := range problems {
		last.RetryAfter = max(last.RetryAfter, p.RetryAfter)
	}
	return &last
}
