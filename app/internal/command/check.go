package command

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/tlsconfig"
)

// check reports every fault that can be known without serving, or what would be served.
func check(l loaded, out io.Writer) error {
	options := l.tlsOptions(slog.Default())
	tlsFaults, notes := tlsconfig.Inspect(options)
	faults := l.faults.AndThen(tlsFaults)
	moved, portFaults := l.ports.Open()
	l.ports.Close()
	running, busy := ownPorts(portFaults)
	// Notes come first: beside a server that runs, its own notes are what an operator looks for.
	for _, w := range slices.Concat(l.warnings, moved, running, notes) {
		fmt.Fprintln(out, "note:", w)
	}
	if faults = slices.Concat(faults, busy); len(faults) > 0 {
		return faults
	}
	l.print(out)
	fmt.Fprintln(out, "everything is in order")
	return nil
}

// ownPorts returns notes for ports on which this very program already listens, and the faults of all others.
func ownPorts(faults []ports.Fault) (notes []string, others settings.Faults) {
	for _, f := range faults {
		if f.Owner.Is(project()) {
			notes = append(notes, fmt.Sprintf("%s=%s: %s serves there", f.Setting, f.Value, f.Owner))
			continue
		}
		others = append(others, f.Fault)
	}
	return notes, others
}

// print shows the settings in force. It holds no secret.
func (l loaded) print(w io.Writer) {
	row := func(name string, value any) { fmt.Fprintf(w, "  %-12s %v\n", name, value) }
	cfg := l.settings
	row("env", pick(cfg.Prod, "prod", "dev"))
	row("tls mode", cfg.Mode)
	row("hosts", pick(len(l.hosts) == 0, "any", strings.Join(l.hosts, ", ")))
	row("https", pick(l.ports.HTTPS.Addr == "", "off", l.ports.HTTPS.Addr))
	row("http", pick(l.ports.HTTP.Addr == "", "off", l.ports.HTTP.Addr))
	switch cfg.Mode {
	case tlsconfig.ACME:
		row("directory", tlsconfig.Redacted(cfg.ACMEDirectory))
		row("cache", tlsconfig.Redacted(cfg.ACMECache))
	case tlsconfig.Files, tlsconfig.Local:
		row("certificate", strings.Join(cfg.CertFiles, ", "))
	}
	row("hsts", pick(cfg.HSTS == "", "none", cfg.HSTS))
	row("admin", pick(l.ports.Admin.Addr == "", "off", l.ports.Admin.Addr))
	row("grace", cfg.ShutdownGrace.Round(time.Millisecond))
}
