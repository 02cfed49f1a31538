package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
)

// Command is `program doctor args…`, and returns the exit status: 0 if nothing is wrong, 1 if something is, 2 if it is
// not clear what to look at. Lookup reads the environment, for NO_COLOR and TERM alone.
func Command(ctx context.Context, program string, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) int {
	o, asJSON, err := parseArgs(program, args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 2
	}
	var report Report
	if err == nil {
		report, err = Look(ctx, o)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s doctor: %v\n", program, err)
		return 2
	}
	if asJSON {
		err = report.JSON(stdout)
	} else {
		err = report.Text(stdout, colourful(stdout, lookup))
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s doctor: %v\n", program, err)
	}
	if err != nil || !report.OK {
		return 1
	}
	return 0
}

func parseArgs(program string, args []string, stderr io.Writer) (o Options, asJSON bool, err error) {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // an error is printed once, by Command
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	caFile := flags.String("ca", "", "trust the authorities of this PEM `file` too: a private one, or one for practice")
	flags.IntVar(&o.HTTPPort, "http-port", 0, "where the site answers plain http (80, if https is on 443)")
	address := flags.String("address", "", "look at this `IP` instead of what DNS says: a server before its name leads to it")

	// Flags may come after the URL, where one thinks of them.
	var sites []string
	for rest := args; len(rest) > 0; {
		if err := flags.Parse(rest); errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(stderr, "usage: %s doctor [flags] https://host[:port]\n", program)
			flags.SetOutput(stderr)
			flags.PrintDefaults()
			return o, false, err
		} else if err != nil {
			return o, false, err
		}
		if rest = flags.Args(); len(rest) > 0 {
			sites, rest = append(sites, rest[0]), rest[1:]
		}
	}
	if len(sites) != 1 {
		return o, false, fmt.Errorf("it looks at one site, and %d are given → %s doctor https://example.com", len(sites), program)
	}
	o.URL = sites[0]
	if *address != "" {
		if o.Address, err = netip.ParseAddr(*address); err != nil {
			return o, false, fmt.Errorf("-address %q is not an IP address", *address)
		}
	}
	if *caFile != "" {
		if o.Roots, err = readRoots(*caFile); err != nil {
			return o, false, fmt.Errorf("-ca: %w", err)
		}
	}
	return o, asJSON, nil
}

// readRoots reads the certificates of a PEM file, whatever else is in it.
func readRoots(file string) (roots []*x509.Certificate, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		roots = append(roots, cert)
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("%s holds no certificate → give a PEM file", file)
	}
	return roots, nil
}

// colourful says whether w is a terminal that shows colour to somebody who likes it (no-color.org). Consoles of
// Windows want to be asked first, and are left plain.
func colourful(w io.Writer, lookup func(string) (string, bool)) bool {
	f, ok := w.(*os.File)
	if !ok || runtime.GOOS == "windows" {
		return false
	}
	if v, _ := lookup("NO_COLOR"); v != "" {
		return false
	}
	if v, _ := lookup("TERM"); v == "" || v == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
