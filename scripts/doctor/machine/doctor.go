// Package machine checks everything on this machine that a page without a warning needs: the development CA, the site's
// certificate and key, the stores of browsers, ports, names. It changes nothing.
package machine

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"example.com/turnkey/scripts/doctor/report"
	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/localca"
)

// Serve answers the processes of this program that Look starts. Call it at the top of main.
func Serve() {
	truststore.ServeVerify(os.Args, os.Stdin)
	serveHandshake(os.Args)
}

// Look examines the machine, with the settings of the site in this directory.
func Look(ctx context.Context, host *truststore.Host) report.Report {
	d := &doctor{
		host: host, site: settings.Load(host.Getenv), now: time.Now(),
		lookup: net.DefaultResolver.LookupHost,
	}
	d.examine(ctx)
	return report.Of(d.checks, d.now)
}

// doctor collects findings, one group after another.
type doctor struct {
	host   *truststore.Host
	site   settings.Settings
	now    time.Time
	lookup func(ctx context.Context, name string) ([]string, error)

	group  string // of the current check
	checks []report.Finding

	// Results that later checks use. They are nil after a failed check.
	caDir string
	ca    *localca.CA
	root  *truststore.Root
}

func (d *doctor) examine(ctx context.Context) {
	d.group = "machine"
	d.clock()
	d.surroundings()
	for _, f := range d.site.Faults {
		found := f.Setting + ": " + f.Problem
		if f.Value != "" {
			found = fmt.Sprintf("%s=%q: %s", f.Setting, f.Value, f.Problem)
		}
		d.wrong("settings", found, f.Fix)
	}
	d.group = "certificate"
	if d.site.Local {
		d.authority()
		d.certificate()
		d.key()
		d.git(ctx)
	} else {
		d.note("certificate", "these settings take another certificate than the development CA's",
			"to check it: bin/"+d.site.Project+" check")
	}
	if d.ca != nil {
		d.group = "stores"
		d.stores(ctx)
	}
	d.group = "ports"
	d.server(ctx)
	d.group = "names"
	d.names(ctx)
}

func (d *doctor) ok(check, found string)         { d.add(check, report.OK, found, "") }
func (d *doctor) wrong(check, found, fix string) { d.add(check, report.Wrong, found, fix) }
func (d *doctor) note(check, found, fix string)  { d.add(check, report.Note, found, fix) }

func (d *doctor) add(name string, state report.State, found, fix string) {
	d.checks = append(d.checks, report.New(d.group, name, state, found, fix))
}
