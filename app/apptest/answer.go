package apptest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Answer is a response that has been read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   string

	t       testing.TB
	request string // method and path, for messages
}

// Get asks for a page. The path may be a whole URL, http://site.test/ for the plain port. Headers come in pairs,
// name and value. Host is one of them.
func (s *Site) Get(path string, headers ...string) *Answer {
	s.t.Helper()
	return s.Do(http.MethodGet, path, "", headers...)
}

// PostForm sends a form as a browser does.
func (s *Site) PostForm(path string, form url.Values, headers ...string) *Answer {
	s.t.Helper()
	headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	return s.Do(http.MethodPost, path, form.Encode(), headers...)
}

// PostJSON sends v as JSON. A json.RawMessage is sent as it is.
func (s *Site) PostJSON(path string, v any, headers ...string) *Answer {
	s.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.Do(http.MethodPost, path, string(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}

// Do sends any request. Get explains path and headers.
func (s *Site) Do(method, path, body string, headers ...string) *Answer {
	s.t.Helper()
	address := path
	if strings.HasPrefix(path, "/") {
		address = s.URL + path
	}
	ctx := context.WithoutCancel(s.t.Context()) // it ends before the cleanups of the test, which may call Do
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if len(headers)%2 != 0 {
		s.t.Fatalf("%s %s: headers come in pairs, name and value: %q", method, path, headers)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		} else {
			req.Header.Add(headers[i], headers[i+1])
		}
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: reading the answer: %v", method, path, err)
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(data), t: s.t, request: method + " " + path}
}

// JSON reads the body into v, a pointer. The test ends if the body is not the JSON for v.
func (a *Answer) JSON(v any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.Body), v); err != nil {
		a.t.Fatalf("%s got %d and no JSON for %T: %v\n%s", a.request, a.Status, v, err, a.Body)
	}
}
