package command

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// healthcheck asks the server that runs with the same settings on this machine for /readyz, for containers whose
// image has no curl.
func healthcheck(ctx context.Context, cfg config, faults []fault) error {
	if len(faults) > 0 {
		return faultList(faults)
	}
	scheme, addr := "https", cfg.httpsAddr
	if cfg.httpAddr != "" { // no handshake needed: probes are answered on both
		scheme, addr = "http", cfg.httpAddr
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{
		// This asks whether our own process on this machine answers; whom its certificate names is no matter.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: serverName(cfg)},
	}
	if scheme == "https" && cfg.clientCAFile != "" {
		// Without a client certificate nothing can be asked; that it shakes hands is what can be seen.
		conn, err := (&tls.Dialer{Config: transport.TLSClientConfig}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
		if err != nil {
			return fmt.Errorf("not healthy: %w", err)
		}
		return conn.Close()
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not healthy: %s answered %s", req.URL, resp.Status)
	}
	return nil
}

// serverName is one that the server has a certificate for.
func serverName(cfg config) string {
	for _, h := range cfg.hosts {
		if !strings.HasPrefix(h, "*.") && net.ParseIP(h) == nil {
			return h
		}
	}
	return ""
}
