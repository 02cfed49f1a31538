package machine

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/localca"
)

// slack is how far a clock may be behind a file's time.
const slack = 5 * time.Minute

// clock compares this machine's time with those of files here: a file from the future means that the clock is slow.
func (d *doctor) clock() {
	fix := map[string]string{"darwin": "sudo sntp -sS time.apple.com", "windows": "w32tm /resync"}[d.host.OS]
	switch {
	case fix != "":
	case d.wsl():
		fix = "sudo hwclock -s"
	default:
		fix = "sudo timedatectl set-ntp true"
	}
	files := []string{"go.mod", "Makefile", d.site.CertFile, d.host.Executable}
	if dir, err := localca.Dir(d.host.Getenv); err == nil {
		files = append(files, filepath.Join(dir, localca.RootFile))
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err == nil && info.ModTime().Sub(d.now) > slack {
			d.wrong("clock", fmt.Sprintf("it says %s, but %s was written on %s", d.now.Format(time.DateTime), file,
				info.ModTime().Format(time.DateTime)), fix)
			return
		}
	}
	d.ok("clock", "it says "+d.now.Format("2006-01-02 15:04 MST")+", which fits the files here")
}

func (d *doctor) wsl() bool {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return d.host.OS == "linux" && (d.host.Getenv("WSL_DISTRO_NAME") != "" ||
		strings.Contains(strings.ToLower(string(release)), "microsoft"))
}

// surroundings checks what else decides which certificates programs trust here.
func (d *doctor) surroundings() {
	if d.wsl() {
		d.note("wsl", "browsers are Windows programs, with Windows' own store and clock",
			"make trust reaches that store from here")
	}
	var set []string
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE",
		"CURL_CA_BUNDLE"} {
		if d.host.Getenv(name) != "" {
			set = append(set, name)
		}
	}
	if len(set) > 0 {
		d.note("environment", "programs started here take trusted roots from what these name: "+strings.Join(set, ", "), "")
	}
}

// names checks where the site's own name leads, and what browsers remember about localhost.
func (d *doctor) names(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	name := d.site.Project + ".localhost"
	addrs, err := d.lookup(ctx, name)
	foreign := ""
	for _, a := range addrs {
		if ip := net.ParseIP(a); ip == nil || !ip.IsLoopback() {
			foreign = a
		}
	}
	switch {
	case foreign != "":
		d.wrong("resolve", name+" leads to "+foreign+" instead of this machine", "add to the hosts file: 127.0.0.1 "+name)
	case err != nil || len(addrs) == 0:
		d.note("resolve", name+" is not known to this system; Chrome, Edge and Firefox know it by themselves",
			"for Safari and curl add to the hosts file: 127.0.0.1 "+name)
	default:
		d.ok("resolve", name+" is this machine")
	}
	d.note("hsts", "a browser that another project told to use HTTPS only on localhost refuses plain http there, on "+
		"every port",
		"Chrome, Edge: chrome://net-internals/#hsts, delete localhost; Firefox: History, Forget About This Site")
}
