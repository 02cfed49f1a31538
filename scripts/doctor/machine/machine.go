// Package machine checks everything on this machine that HTTPS without a warning needs: the development CA, the site's
// certificate and key, the stores of browsers, ports, names. It changes nothing.
package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/scripts/doctor/report"
	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/localca"
)

const good, note, wrong = report.OK, report.Note, report.Wrong

// Look examines the machine, with the settings of the site in this directory.
func Look(ctx context.Context, host *truststore.Host) report.Report {
	d := &doctor{host: host, site: settings.Load(host.Getenv), now: time.Now(), lookup: net.DefaultResolver.LookupHost}
	d.examine(ctx)
	return report.Of(d.Found, d.now)
}

// doctor collects findings, one group after another.
type doctor struct {
	report.Section
	host   *truststore.Host
	site   settings.Settings
	now    time.Time
	lookup func(ctx context.Context, name string) ([]string, error)

	// Results that later checks use. They are nil after a failed check.
	caDir string
	ca    *localca.CA
	root  *truststore.Root
}

func (d *doctor) examine(ctx context.Context) {
	d.Group = "machine"
	d.clock()
	d.surroundings()
	for _, f := range d.site.Faults {
		found := f.Setting + ": " + f.Problem
		if f.Value != "" {
			found = fmt.Sprintf("%s=%q: %s", f.Setting, f.Value, f.Problem)
		}
		d.Wrong("settings", found, f.Fix)
	}
	d.Group = "certificate"
	if d.site.Local {
		d.authority()
		d.certificate()
		d.git(ctx)
	} else {
		d.Note("certificate", "these settings use another certificate than the development CA's",
			"to check it: bin/"+d.site.Project+" check")
	}
	if d.ca != nil {
		d.Group = "stores"
		d.stores(ctx)
	}
	d.Group = "ports"
	if d.site.HTTPSAddr != "" { // else a proxy has the port, or the address is a fault
		d.server(ctx)
	}
	d.Group = "names"
	d.names(ctx)
}

// clock compares this machine's time with the times of files. A file from the future means that the clock is slow.
func (d *doctor) clock() {
	files := []string{"go.mod", "Makefile", d.site.CertFile, d.host.Executable}
	if dir, err := localca.Dir(d.host.Getenv); err == nil {
		files = append(files, filepath.Join(dir, localca.RootFile))
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.ModTime().Sub(d.now) > 5*time.Minute {
			d.Wrong("clock", fmt.Sprintf("it says %s, but %s was written on %s", d.now.Format(time.DateTime), file,
				info.ModTime().Format(time.DateTime)), localca.ClockFix())
			return
		}
	}
	d.OK("clock", "it says "+d.now.Format("2006-01-02 15:04 MST")+", and no file of the project is newer")
}

// surroundings checks what else decides which certificates programs trust here.
func (d *doctor) surroundings() {
	if d.host.WSL() {
		d.Note("wsl", "browsers are Windows programs, with Windows' own store and clock",
			"make trust reaches that store from here")
	}
	set := slices.DeleteFunc([]string{"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE",
		"CURL_CA_BUNDLE"}, func(name string) bool { return d.host.Getenv(name) == "" })
	if len(set) > 0 {
		d.Note("environment", "programs started here trust the CAs that these variables name: "+strings.Join(set, ", "), "")
	}
}

// stores asks every store whether it trusts the CA.
func (d *doctor) stores(ctx context.Context) {
	stores, err := truststore.Detect(ctx, d.host, d.caDir, d.root)
	if err != nil {
		d.Wrong("store", err.Error(), "")
		return
	}
	needed := d.host.OS != "windows" && d.host.OS != "darwin" // certutil, to read the browsers' stores
	if _, err := exec.LookPath("certutil"); needed && err == nil {
		d.OK("certutil", "it is installed, so the browsers' stores can be read")
		needed = false
	}
	refused := truststore.Asked(d.caDir, d.root) == truststore.No
	for _, s := range stores {
		info := s.Info()
		name := info.Store + " (" + info.Where + ")"
		has, err := s.Has(ctx)
		blocked, isBlocked := errors.AsType[*truststore.Blocked](err)
		if isBlocked && needed && strings.Contains(blocked.Why, "certutil") {
			d.Wrong("certutil", blocked.Why+", so the browsers' stores can be neither read nor changed", blocked.Next)
			needed = false // it is said once
		}
		if isBlocked {
			d.Note("store", name+": "+blocked.Why, blocked.Next)
			continue
		}
		d.First("store", report.Cases{
			{err != nil, wrong, name + ": " + strings.Join(strings.Fields(fmt.Sprint(err)), " "), "by hand: " + info.ByHand},
			{has && s.Restart() != "", good, name + " trusts the CA (after a warning restart " + s.Restart() + " once)", ""},
			{has, good, name + " trusts the CA", ""},
			{info.Scope == truststore.System, note, name + " does not trust the CA",
				"make trust SYSTEM=1, or one program alone: curl --cacert certs/ca.pem …"},
			{refused, note, name + " does not trust the CA, as you decided", "make trust"},
			{true, wrong, name + " does not trust the CA", "make trust"},
		})
	}
}

// names checks where the site's own name leads, and says what browsers remember about localhost.
func (d *doctor) names(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	name := d.site.Project + ".localhost"
	addrs, err := d.lookup(ctx, name)
	unknown := err != nil || len(addrs) == 0
	addrs = slices.DeleteFunc(addrs, func(a string) bool { ip := net.ParseIP(a); return ip != nil && ip.IsLoopback() })
	d.First("resolve", report.Cases{
		{len(addrs) > 0, wrong, name + " leads to " + strings.Join(addrs, ", ") + " instead of this machine",
			"add to the hosts file: 127.0.0.1 " + name},
		{unknown, note, name + " is not known to this system; Chrome, Edge and Firefox know it by themselves",
			"for Safari and curl add to the hosts file: 127.0.0.1 " + name},
		{true, good, name + " is this machine", ""},
	})
	d.Note("hsts", "a browser that another project told to use only HTTPS on localhost refuses plain http on every port",
		"Chrome, Edge: chrome://net-internals/#hsts, delete localhost; Firefox: History, Forget About This Site")
}
