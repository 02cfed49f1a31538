package command

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"strings"

	"example.com/turnkey/app/internal/logs"
	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/internal/server"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/tlsconfig"
)

// serve runs the site until ctx is done. It returns every reason why it cannot.
func serve(ctx context.Context, l loaded, site kit.Site, w World) (err error) {
	defer func() {
		if err != nil {
			l.dev.Failed(text(err))
		}
	}()
	ctx = l.dev.Follow(ctx)
	out := logs.NewWriter(w.Stdout)
	defer out.Close()
	logger := newLogger(out, l, w)
	slog.SetDefault(logger)
	slog.SetLogLoggerLevel(max(slog.LevelInfo, l.settings.LogLevel)) // so that log.Fatal is seen with any LOG_LEVEL
	banner := &banner{loaded: l, w: w.Stdout, log: logger}
	if l.settings.MemoryLimit > 0 {
		debug.SetMemoryLimit(l.settings.MemoryLimit)
		if l.settings.Prod {
			banner.say("memory: " + l.memory())
		}
	}
	s, err := open(l, site, w.Stderr, banner)
	if err != nil {
		return err
	}
	if !l.dev.Again() {
		banner.print()
	}
	if err := l.dev.Ready(listeners(l.ports)); err != nil {
		logger.Warn("make dev cannot keep the ports open, so requests fail during a rebuild", "error", err)
	}
	return s.Run(ctx, w.Reload)
}

// open prepares everything that serving needs: settings without fault, open ports, certificates, routes. If it fails,
// no port is left open.
func open(l loaded, site kit.Site, stderr io.Writer, banner *banner) (s *server.Server, err error) {
	defer func() {
		if err != nil {
			l.ports.Close()
		}
	}()
	options := l.tlsOptions(banner.log)
	options.Say, options.Alarm, options.Notify = banner.say, alarm(banner.log, stderr), site.OnCertificate
	faults := l.faults.AndThen(tlsconfig.Check(options))
	moved, portFaults := l.ports.Open()
	for _, f := range portFaults {
		faults = append(faults, f.Fault)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	for _, w := range slices.Concat(l.warnings, moved) {
		banner.log.Warn(w)
	}
	source, err := tlsconfig.New(options)
	if err != nil {
		return nil, err
	}
	return server.New(server.Options{
		Settings: l.settings, Site: site, Ports: l.ports, Source: source, Turns: options.Turns(),
		Hosts: l.hosts, Names: l.names, Dev: l.dev, Log: banner.log,
	})
}

// listeners returns every open listener, and the name of the port of each.
func listeners(set *ports.Set) (names []string, open []net.Listener) {
	for _, p := range set.All() {
		for _, ln := range p.Listeners {
			names, open = append(names, p.Name), append(open, ln)
		}
	}
	return names, open
}

// text returns an error's text as Main prints it.
func text(err error) string {
	if faults, ok := errors.AsType[settings.Faults](err); ok {
		var b strings.Builder
		faults.Print(&b, project())
		return b.String()
	}
	return err.Error()
}
