package authority

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/internal/cert"
)

// fetchAgain is how long one attempt waits before each new request for an incomplete certificate. Later attempts fetch
// it again too.
var fetchAgain = [...]time.Duration{time.Second, 4 * time.Second, 10 * time.Second}

// collect checks what the CA sent, and fetches it again from the same URL until it is complete. A proxy may have cut
// it off, and a new order would count against the CA's limits. err is the result of the first request.
// collect returns the best certificate that came, or else why the last request failed.
func (t *attempt) collect(ctx context.Context, err error) (cert.Candidate, error) {
	var best cert.Candidate
	for i := 0; ; i++ {
		o := t.now().order
		if o.Certificate == "" { // autocert may take that for a success
			return best, cmp.Or(err, errors.New("the CA issued a certificate, and its order did not say where it is"))
		}
		if got, fault := t.judge(o, err); fault != nil {
			err = fault
		} else if best.Certificate == nil || got.Replaces(best, time.Now()) {
			best = got
		}
		if best.Certificate != nil && best.Lacks == "" || t.now().orderOver || i == len(fetchAgain) {
			break
		}
		if i == 0 && t.keep != nil {
			t.keep(o) // now with the URL of the certificate
		}
		t.log.Warn("the CA's response is not a whole certificate; "+
			"it is fetched again from the same URL, and nothing is ordered",
			"url", o.Certificate, "error", err, "lacks", best.Lacks, "again_in", fetchAgain[i])
		select {
		case <-ctx.Done():
			return best, fmt.Errorf("fetching the certificate: %w", context.Cause(ctx))
		case <-time.After(fetchAgain[i]):
		}
		_, err = t.client.FetchCert(ctx, o.Certificate, true)
	}
	if best.Certificate != nil {
		err = nil
	}
	return best, err
}

// judge checks the last response to a request for the certificate. err is the result of this request.
func (t *attempt) judge(o cert.Order, err error) (cert.Candidate, error) {
	data, problems := t.takeChain()
	switch {
	case data == nil && len(problems) > 0:
		return cert.Candidate{}, worst(problems)
	case data == nil:
		return cert.Candidate{}, cmp.Or(err, errors.New("the CA did not send the certificate"))
	}
	key, err := o.PrivateKey()
	if err != nil {
		return cert.Candidate{}, err
	}
	certs, damage := chain.Parse(data).Certificates()
	c, err := cert.Judge(chain.Pair{Certs: certs, Key: key, Problems: damage}, t.host, time.Now())
	if v := chain.Judge(certs, key, nil, time.Now()); len(v.Served) > 0 && time.Now().After(v.Served[0].NotAfter) {
		t.change(func(s *state) { s.orderOver = true }) // every later response would hold the same expired certificate
	}
	if err != nil {
		err = fmt.Errorf("the certificate that the CA sent from %s cannot be used: %w", o.Certificate, err)
	}
	return c, err
}

// takeChain returns the last response to a request for the certificate and the problems since the last call, and
// forgets both.
func (t *attempt) takeChain() (data []byte, problems []cert.Problem) {
	t.change(func(s *state) {
		data, problems = s.chain, s.problems
		s.chain, s.problems = nil, nil
	})
	return data, problems
}
