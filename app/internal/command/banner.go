package command

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
)

// banner is what a person at a terminal reads first: notes, and the addresses of the site. With LOG_FORMAT=json the
// same lines go to the log.
type banner struct {
	loaded
	w     io.Writer
	log   *slog.Logger
	lines []string
}

// say adds a line. It is printed with the banner.
func (b *banner) say(line string) { b.lines = append(b.lines, line) }

func (b *banner) print() {
	urls, env := b.urls(), b.env()
	if b.settings.LogJSON {
		for _, line := range b.lines {
			b.log.Info(strings.Join(strings.Fields(line), " "))
		}
		b.log.Info("serving", "env", env, "tls_mode", string(b.settings.Mode), "https", b.ports.HTTPS.Addresses(),
			"http", b.ports.HTTP.Addresses(), "admin", b.ports.Admin.Addresses(), "url", urls[0], "version", version())
		return
	}
	fmt.Fprintf(b.w, "\n  %s  %s\n\n", project(), env)
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

// urls returns the addresses to open in a browser, the main one first.
func (b *banner) urls() []string {
	cfg, https, plain := b.settings, b.ports.HTTPS.Number(), b.ports.HTTP.Number()
	host := "localhost"
	if len(cfg.Domains) > 0 {
		host = cfg.Domains[0]
	}
	if b.ports.HTTPS.Addr == "" {
		if len(cfg.Domains) > 0 {
			return []string{"https://" + host + "   (the proxy's; it passes requests on to " + b.ports.HTTP.Addr + ")"}
		}
		return []string{"http://" + net.JoinHostPort("localhost", strconv.Itoa(plain)) + "   (for the proxy in front)"}
	}
	at := func(host string) string { // in brackets, if it is an IPv6 address
		return "https://" + strings.TrimSuffix(net.JoinHostPort(host, strconv.Itoa(https)), ":443")
	}
	urls := []string{at(host)}
	if plain != 0 {
		urls[0] += fmt.Sprintf("   (plain http on port %d leads there)", plain)
	}
	if !cfg.Prod {
		urls = append(urls, at(cfg.Project+".localhost")+"   (keeps its cookies apart from other projects)")
	}
	return urls
}
