package server

import (
	"crypto/tls"
	"slices"
	"testing"
)

// A source may return its own configuration for some ClientHellos. The server must use it.
func TestSourcesConfigForClientIsUsed(t *testing.T) {
	t.Parallel()
	pair := selfSigned(t)
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }
	config := keepHandshakes(&tls.Config{
		GetCertificate: get, NextProtos: []string{"h2", "special"},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if slices.Contains(hello.SupportedProtos, "special") {
				return &tls.Config{GetCertificate: get, NextProtos: []string{"special"}, MaxVersion: tls.VersionTLS12}, nil
			}
			return nil, nil
		},
	})
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { conn.(*tls.Conn).Handshake(); conn.Close() }()
		}
	}()
	for proto, version := range map[string]uint16{"special": tls.VersionTLS12, "h2": tls.VersionTLS13} {
		conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{proto}})
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState(); got.NegotiatedProtocol != proto || got.Version != version {
			t.Errorf("%s got %s over %s, want %s", proto, got.NegotiatedProtocol, tls.VersionName(got.Version), tls.VersionName(version))
		}
		conn.Close()
	}
}
