package cert

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Request is what package acme asks an issuer for.
type Request struct {
	Host     string            // a name, or an address (RFC 8738)
	Replaces *x509.Certificate // the leaf to renew, if the CA wants to know it (RFC 9773 §5); nil: it is not told
	Pending  *Order            // an order to go on with; nil: order anew
	Keep     func(Order)       // stores an order before the CA is asked for its certificate; nil: it is not stored
	Log      *slog.Logger

	// Permit is called before each request that changes something at the CA. commits says that the request is for a
	// new order or for the certificate. An error ends the attempt. nil: all are permitted.
	Permit func(ctx context.Context, commits bool) error
	Fence  int64 // of the lock under which this is asked, see store.Lock
}

// StoreName is a host's name in the store. IPv6 addresses have colons, which Windows does not allow in the name of a
// file. The result differs from every name for which a CA issues, because those have a dot.
func StoreName(host string) string { return strings.ReplaceAll(host, ":", "-") }

// Result is the result of a Request.
type Result struct {
	Candidate      // empty if the attempt failed
	Placed    int  // new orders that the CA took
	OrderOver bool // the CA no longer has the pending order
}

// Window is when a CA would like a certificate renewed (RFC 9773 §4.2): usually later than by the client's own
// schedule, and at once if the CA has to revoke.
type Window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Order is an order that the CA was asked to finalize, and whose certificate is not complete yet. It holds what a later
// attempt, or another process, needs to fetch the certificate. A new order would count against the CA's limits.
type Order struct {
	URL         string    `json:"url"`
	Finalize    string    `json:"finalize"`
	Certificate string    `json:"certificate,omitempty"` // URL; empty until the CA gives it
	Key         []byte    `json:"key,omitempty"`         // of the certificate, DER
	Expires     time.Time `json:"expires"`               // no attempt with this order afterwards
}

const (
	orderLife    = 7 * 24 * time.Hour // if the CA gives no end
	longestOrder = 30 * 24 * time.Hour
)

// NewOrder returns an order that the CA has just accepted. Its life is what the CA says, within bounds.
func NewOrder(url, finalize string, expires, now time.Time) Order {
	if !expires.After(now) {
		expires = now.Add(orderLife)
	}
	life := min(expires.Sub(now), longestOrder)
	return Order{URL: url, Finalize: finalize, Expires: now.Add(life)}
}

// ParseOrder reads a stored order.
func ParseOrder(data []byte) (*Order, error) {
	o := new(Order)
	if err := json.Unmarshal(data, o); err != nil {
		return nil, err
	}
	if _, err := x509.ParseECPrivateKey(o.Key); err != nil {
		return nil, err
	}
	return o, nil
}

// PrivateKey returns the certificate's key. The first call makes it.
func (o *Order) PrivateKey() (key *ecdsa.PrivateKey, err error) {
	if o.Key != nil {
		return x509.ParseECPrivateKey(o.Key)
	}
	key = NewKey()
	o.Key, err = x509.MarshalECPrivateKey(key)
	return key, err
}

// Request returns the certificate request with which to finalize the order, in DER. An address is no common name: Let's
// Encrypt refuses a request that has one there.
func (o *Order) Request(host string) ([]byte, error) {
	key, err := o.PrivateKey()
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{}
	if addr, err := netip.ParseAddr(host); err == nil {
		template.IPAddresses = []net.IP{addr.AsSlice()}
	} else {
		template.DNSNames = []string{host}
		if len(host) <= 64 { // X.520's bound for a common name, which some CAs still want
			template.Subject = pkix.Name{CommonName: host}
		}
	}
	return x509.CreateCertificateRequest(rand.Reader, template, key)
}

// Open reports whether the order's certificate is still to be fetched. A nil order is not open.
func (o *Order) Open(now time.Time) bool { return o != nil && o.Key != nil && now.Before(o.Expires) }

// IsFor reports whether a certificate is for the order's key.
func (o *Order) IsFor(c Candidate) bool {
	key, err := o.PrivateKey()
	return err == nil && key.PublicKey.Equal(c.Leaf.PublicKey)
}
