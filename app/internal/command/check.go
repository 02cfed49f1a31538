package command

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig"
)

// check reports every fault that can be known without serving, or what would be served.
func check(cfg config, faults []fault, out io.Writer) error {
	options := cfg.tlsOptions(slog.Default(), nil)
	faults = andThen(faults, tlsconfig.Check(options))
	storeFaults, notes := tlsconfig.CheckStore(options)
	listeners, moved, listenFaults := listenAll(cfg)
	listeners.close()
	running, listenFaults := ownPorts(listenFaults)
	// Notes come first: beside a server that runs, what it was told is what one looks for.
	if len(storeFaults) == 0 { // Notes reads the store
		notes = append(notes, tlsconfig.Notes(options)...)
	}
	for _, w := range slices.Concat(cfg.warnings, moved, running, notes) {
		fmt.Fprintln(out, "note:", w)
	}
	if faults = slices.Concat(faults, storeFaults, listenFaults); len(faults) > 0 {
		return faultList(faults)
	}
	cfg.print(out)
	fmt.Fprintln(out, "everything is in order")
	return nil
}

// ownPorts takes ports on which this very program listens already out of the faults.
func ownPorts(faults []fault) (notes []string, others []fault) {
	name := project()
	name = name[:min(len(name), 15)] // as Linux keeps it
	for _, f := range faults {
		if by, ok := strings.CutPrefix(f.Problem, portInUse); ok && strings.HasPrefix(by, name+" (pid ") {
			notes = append(notes, fmt.Sprintf("%s=%s: %s serves there", f.Setting, f.Value, by))
			continue
		}
		others = append(others, f)
	}
	return notes, others
}

// print shows the settings in force. It holds no secret.
func (c config) print(w io.Writer) {
	row := func(name string, value any) { fmt.Fprintf(w, "  %-12s %v\n", name, value) }
	row("env", pick(c.prod, "prod", "dev"))
	row("tls mode", c.mode)
	row("hosts", pick(len(c.hosts) == 0, "any", strings.Join(c.hosts, ", ")))
	row("https", pick(c.httpsAddr == "", "off", c.httpsAddr))
	row("http", pick(c.httpAddr == "", "off", c.httpAddr))
	switch c.mode {
	case tlsconfig.ACME:
		row("directory", tlsconfig.Redacted(c.acmeDirectory))
		row("cache", tlsconfig.Redacted(c.acmeCache))
	case tlsconfig.Files, tlsconfig.Local:
		row("certificate", strings.Join(c.certFiles, ", "))
	}
	row("hsts", pick(c.hsts == "", "none", c.hsts))
	row("admin", pick(c.adminAddr == "", "off", c.adminAddr))
	row("grace", c.shutdownGrace.Round(time.Millisecond))
}
