package authority

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// amendment returns what is added to a new order, because autocert has no setting for it: the profile, and the
// certificate that is renewed (RFC 9773 §5). It is nil if nothing is.
func (a *Authority) amendment(r cert.Request) func(payload map[string]any) {
	profile, replaces := a.options.Profile, ""
	if r.Replaces != nil {
		replaces, _ = ariID(r.Replaces) // a certificate without an identifier is not named
	}
	if profile == "" && replaces == "" {
		return nil
	}
	return func(payload map[string]any) {
		if profile != "" {
			payload["profile"] = profile
		}
		if replaces != "" {
			payload["replaces"] = replaces
		}
	}
}

// requestOwnKey replaces autocert's certificate request by one for the order's own key. The key is stored before the CA
// sees the request, so that a certificate that the CA issues is not lost when this process ends.
func (t *transport) requestOwnKey(r *http.Request) error {
	t.mu.Lock()
	csr, err := t.order.Request(t.host)
	order := t.order
	t.mu.Unlock()
	if err != nil {
		return err
	}
	if t.keep != nil {
		t.keep(order)
	}
	return t.rewrite(r, func(payload map[string]any) {
		payload["csr"] = base64.RawURLEncoding.EncodeToString(csr)
	})
}

// rewrite changes the payload of a signed request (RFC 8555 §6.2, RFC 7515 §7.2.2) and signs it again. The protected
// header stays as it is, with its nonce.
func (t *transport) rewrite(r *http.Request, change func(payload map[string]any)) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	r.Body.Close()
	if err != nil {
		return err
	}
	var jws struct {
		Protected string `json:"protected"`
		Payload   string `json:"payload"`
		Signature string `json:"signature"`
	}
	if err := json.Unmarshal(body, &jws); err != nil {
		return fmt.Errorf("amending a request: %w", err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(jws.Payload)
	if err != nil {
		return fmt.Errorf("amending a request: %w", err)
	}
	payload := map[string]any{}
	if err := json.Unmarshal(raw, &payload); err != nil {
		return fmt.Errorf("amending a request: %w", err)
	}
	change(payload)
	if raw, err = json.Marshal(payload); err != nil {
		return err
	}
	jws.Payload = base64.RawURLEncoding.EncodeToString(raw)
	if jws.Signature, err = t.sign(jws.Protected, jws.Payload); err != nil {
		return err
	}
	if body, err = json.Marshal(jws); err != nil {
		return err
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	r.GetBody = nil
	r.ContentLength = int64(len(body))
	return nil
}

// signES256 signs as RFC 7518 §3.4 says: R and S, 32 bytes each.
func signES256(key *ecdsa.PrivateKey, input string) (string, error) {
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return base64.RawURLEncoding.EncodeToString(sig), nil
}
