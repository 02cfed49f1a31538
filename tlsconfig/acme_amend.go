package tlsconfig

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
)

// requestForOurKey replaces autocert's certificate request by one for the order's own key. The key is stored before the CA
// sees the request, so that a certificate that the CA issues is not lost when this process ends.
func (l *listener) requestForOurKey(payload map[string]any) error {
	l.mu.Lock()
	csr, err := l.order.request(l.host)
	order := l.order
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if l.keep != nil {
		l.keep(order)
	}
	payload["csr"] = base64.RawURLEncoding.EncodeToString(csr)
	return nil
}

// rewrite changes the payload of a signed request (RFC 8555 §6.2, RFC 7515 §7.2.2) where autocert has no setting for it.
// The protected header stays as it is, with its nonce.
func (l *listener) rewrite(r *http.Request, change func(payload map[string]any) error) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
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
	if err := change(payload); err != nil {
		return err
	}
	if raw, err = json.Marshal(payload); err != nil {
		return err
	}
	jws.Payload = base64.RawURLEncoding.EncodeToString(raw)
	if jws.Signature, err = l.sign(jws.Protected, jws.Payload); err != nil {
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

// signES256 is RFC 7518 §3.4: R and S, 32 bytes each.
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
