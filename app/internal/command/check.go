package command

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/internal/server"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/middleware/host"
	"example.com/turnkey/tlsconfig"
)

// check reports every fault that can be found without serving, or else what would be served. It opens the ports for a
// moment.
func check(l loaded, site kit.Site, out io.Writer) error {
	options := l.tlsOptions(slog.Default())
	tlsFaults, notes := tlsconfig.Inspect(options)
	fileFaults, fileNotes := server.CheckFiles(site, l.settings)
	faults := slices.Concat(l.faults.AndThen(tlsFaults), fileFaults)
	moved, portFaults := l.ports.Open()
	l.ports.Close()
	running, busy := ownPorts(portFaults)
	// Print the notes even if there are faults: an operator may be looking for what concerns the running server.
	for _, w := range slices.Concat(l.warnings, moved, running, notes, fileNotes) {
		fmt.Fprintln(out, "note:", w)
	}
	if faults = slices.Concat(faults, busy); len(faults) > 0 {
		return faults
	}
	l.print(out)
	fmt.Fprintln(out, "everything is in order")
	return nil
}

// ownPorts returns a note in place of each fault of a port on which this same program already listens, and all other
// faults.
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

// print shows the settings in force. It shows no secret.
func (l loaded) print(w io.Writer) {
	row := func(name string, value any) { fmt.Fprintf(w, "  %-12s %v\n", name, value) }
	cfg := l.settings
	row("env", l.env())
	row("tls mode", cfg.Mode)
	row("hosts", cmp.Or(strings.Join(l.hosts, ", "), "any"))
	row("https", cmp.Or(l.ports.HTTPS.Addr, "off"))
	row("http", cmp.Or(l.ports.HTTP.Addr, "off"))
	if cfg.HTTP3 {
		row("http/3", "over UDP on the port of https")
	}
	row("proxy header", l.proxyHeader())
	switch cfg.Mode {
	case tlsconfig.ACME:
		row("directory", tlsconfig.Redacted(cfg.ACMEDirectory))
		row("cache", tlsconfig.Redacted(cfg.ACMECache))
		for _, key := range cfg.ACMECacheKeys {
			row("cache key", key.ID())
		}
	case tlsconfig.Files, tlsconfig.Local:
		row("certificate", strings.Join(cfg.CertFiles, ", "))
	}
	row("hsts", l.hsts())
	row("admin", cmp.Or(l.ports.Admin.Addr, "off"))
	row("grace", cfg.ShutdownGrace.Round(time.Millisecond))
	row("data", cfg.DataFolder)
	if cfg.MemoryLimit > 0 {
		row("memory", l.memory())
	}
	for _, o := range cfg.Own {
		row(o.Name, cfg.Shown(o))
	}
}

// hsts returns the value of the header, and says for which hosts it is not sent: browsers ignore it for an address (RFC
// 6797 §8.1.1).
func (l loaded) hsts() string {
	if l.settings.Prod && l.settings.HSTS != "" && slices.ContainsFunc(l.hosts, host.IsAddress) {
		return l.settings.HSTS + "   (not for addresses: browsers would ignore it)"
	}
	return cmp.Or(l.settings.HSTS, "none")
}

func (l loaded) memory() string {
	return fmt.Sprintf("at most %d MiB, 90 %% of the container's limit", l.settings.MemoryLimit>>20)
}

// proxyHeader says from which addresses a PROXY header is read.
func (l loaded) proxyHeader() string {
	if !l.settings.ProxyProtocol {
		return "off"
	}
	var from []string
	for _, p := range l.settings.TrustedProxies {
		from = append(from, p.String())
	}
	return "required from " + strings.Join(from, ", ")
}
