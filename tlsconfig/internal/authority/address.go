package authority

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/acme"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// shortlived is the one profile of Let's Encrypt that allows addresses. Its certificates last 160 hours, because an
// address changes hands more often than a name.
const shortlived = "shortlived"

const (
	tlsALPN01 = "tls-alpn-01"
	http01    = "http-01"
)

// orderForAddress does for an address (RFC 8738) what autocert does for a name. autocert supports names only. Like
// autocert it places an order for each type of challenge, because a failed challenge ends its order. The CA keeps an
// order whose challenges cannot be answered, and returns it to the next attempt.
func (t *attempt) orderForAddress(ctx context.Context) error {
	directory, err := t.client.Discover(ctx)
	if err != nil {
		return err
	}
	account := &acme.Account{ExternalAccountBinding: t.options.binding()}
	if t.options.Email != "" {
		account.Contact = []string{"mailto:" + t.options.Email}
	}
	_, err = t.client.Register(ctx, account, acme.AcceptTOS)
	if err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return err
	}
	if _, listed := directory.Profiles[shortlived]; listed && t.options.Profile == "" {
		t.extra["profile"] = shortlived
	}
	untried := []string{tlsALPN01, http01}[:t.maxOrders]
	for len(untried) > 0 {
		var order *acme.Order
		if order, err = t.client.AuthorizeOrder(ctx, acme.IPIDs(t.host)); err != nil {
			return err
		}
		if untried, err = t.authorize(ctx, order, untried); err == nil {
			_, _, err = t.client.CreateCertFromOrder(ctx, order, nil, true) // RoundTrip requests it for the order's key
			return err
		}
	}
	return err
}

// authorize proves control of the order's address by the first of the untried challenges that the CA offers, and
// returns those after it. There is nothing to prove while the CA remembers an earlier proof.
func (t *attempt) authorize(ctx context.Context, order *acme.Order, untried []string) ([]string, error) {
	if order.Status == acme.StatusReady {
		return untried, nil
	}
	var offered []string
	for _, url := range order.AuthzURLs { // one, because the order has one identifier
		z, err := t.client.GetAuthorization(ctx, url)
		if err != nil {
			return nil, err
		}
		for i, kind := range untried {
			isKind := func(c *acme.Challenge) bool { return c.Type == kind }
			if at := slices.IndexFunc(z.Challenges, isKind); at >= 0 {
				return untried[i+1:], t.prove(ctx, order, z, z.Challenges[at])
			}
		}
		for _, c := range z.Challenges {
			offered = append(offered, c.Type)
		}
	}
	return nil, fmt.Errorf("the CA offers the challenges %q for %s, of which none can be answered or is left to try; "+
		"HTTP_ADDR opens the port for http-01", offered, t.host)
}

// prove answers one challenge, and waits until the CA has seen the answer. The one to http-01 depends on the account
// alone (Authority.HTTPChallenge).
func (t *attempt) prove(ctx context.Context, order *acme.Order, z *acme.Authorization, c *acme.Challenge) error {
	if c.Type == tlsALPN01 {
		token, err := t.client.TLSALPN01ChallengeCert(c.Token, t.host)
		if err != nil {
			return err
		}
		data, err := cert.Marshal(&token)
		if err != nil {
			return err
		}
		t.change(func(s *state) { s.token = &token })
		name := cert.StoreName(t.host) + tokenSuffix
		t.cache.Put(ctx, name, data) // ends the attempt itself if other machines need the answer
		defer t.cache.Delete(context.WithoutCancel(ctx), name)
	}
	if _, err := t.client.Accept(ctx, c); err != nil {
		return err
	}
	if _, err := t.client.WaitAuthorization(ctx, z.URI); err != nil {
		return err
	}
	_, err := t.client.WaitOrder(ctx, order.URI)
	return err
}

// tlsChallenge returns the certificate that answers tls-alpn-01, if the attempt has come that far.
func (t *attempt) tlsChallenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if t.manager != nil {
		return t.manager.GetCertificate(hello)
	}
	return t.now().token, nil
}
