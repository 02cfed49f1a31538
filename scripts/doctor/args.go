package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"

	"example.com/turnkey/scripts/doctor/site"
)

// parseArgs reads the command line. Without a URL in its result, this machine is meant.
func parseArgs(args []string, stderr io.Writer) (o site.Options, asJSON bool, err error) {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run prints an error once
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	caFile := flags.String("ca", "", "trust the authorities of this PEM `file` too: a private one, or one for practice")
	flags.IntVar(&o.HTTPPort, "http-port", 0, "where the site answers plain http (80, if https is on 443)")
	address := flags.String("address", "", "look at this `IP` instead of what DNS says: a server before its name leads to it")
	sites, err := parseMixed(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stderr, "usage: doctor [-json]                        look at this machine\n"+
			"       doctor [flags] https://host[:port]    look at a site\n")
		flags.SetOutput(stderr)
		flags.PrintDefaults()
	}
	switch {
	case err != nil:
		return o, false, err
	case len(sites) > 1:
		return o, false, fmt.Errorf("%d sites are given, and it looks at one → doctor https://example.com", len(sites))
	case len(sites) == 1 && sites[0] == "":
		return o, false, errors.New("the site is empty → doctor https://example.com, or leave it out to look at this machine")
	case len(sites) == 1:
		o.URL = sites[0]
	case *caFile != "" || *address != "" || o.HTTPPort != 0:
		return o, false, errors.New("-ca, -address and -http-port are for a site, and none is given → doctor https://example.com")
	}
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

// parseMixed parses flags wherever they are: package flag stops at the first argument that is none, and many type the
// site first.
func parseMixed(flags *flag.FlagSet, args []string) (others []string, err error) {
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if args = flags.Args(); len(args) > 0 {
			others, args = append(others, args[0]), args[1:]
		}
	}
	return others, nil
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
