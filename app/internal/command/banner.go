package command

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// banner is what a person at a terminal reads first. Where logs are JSON nobody is there, and it becomes log lines.
type banner struct {
	cfg   config
	w     io.Writer
	lines []string
}

func newBanner(cfg config, w io.Writer) *banner { return &banner{cfg: cfg, w: w} }

// say adds a line.
func (b *banner) say(line string) { b.lines = append(b.lines, line) }

func (b *banner) print(s *server) {
	urls := b.urls(s.ports())
	if b.cfg.logJSON {
		for _, line := range b.lines {
			s.log.Info(strings.Join(strings.Fields(line), " "))
		}
		s.log.Info("serving", "env", pick(b.cfg.prod, "prod", "dev"), "tls_mode", string(b.cfg.mode), "https", addresses(s.listeners.https),
			"http", addresses(s.listeners.http), "admin", addresses(s.listeners.admin), "url", urls[0], "version", version())
		return
	}
	fmt.Fprintf(b.w, "\n  %s  %s\n\n", project(), pick(b.cfg.prod, "prod", "dev"))
	for _, line := range b.lines {
		fmt.Fprintln(b.w, "  "+line)
	}
	if len(b.lines) > 0 {
		fmt.Fprintln(b.w)
	}
	for _, u := range urls {
		fmt.Fprintln(b.w, "  ➜ ", u)
	}
	fmt.Fprintln(b.w)
}

// urls are where to go, the main one first.
func (b *banner) urls(p ports) []string {
	host := "localhost"
	if len(b.cfg.domains) > 0 {
		host = b.cfg.domains[0]
	}
	if b.cfg.httpsAddr == "" {
		if len(b.cfg.domains) > 0 {
			return []string{"https://" + host + "   (the proxy's; it passes requests on to " + b.cfg.httpAddr + ")"}
		}
		return []string{"http://" + net.JoinHostPort("localhost", strconv.Itoa(p.http)) + "   (for the proxy in front)"}
	}
	at := func(host string) string {
		if p.https == 443 {
			return "https://" + host
		}
		return "https://" + net.JoinHostPort(host, strconv.Itoa(p.https))
	}
	urls := []string{at(host)}
	if p.http != 0 {
		urls[0] += fmt.Sprintf("   (plain http on port %d leads there)", p.http)
	}
	if !b.cfg.prod {
		urls = append(urls, at(b.cfg.project+".localhost")+"   (cookies and storage of its own)")
	}
	return urls
}

func addresses(group []net.Listener) string {
	var out []string
	for _, ln := range group {
		out = append(out, ln.Addr().String())
	}
	return strings.Join(out, " ")
}
