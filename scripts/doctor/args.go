package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"

	"example.com/turnkey/scripts/doctor/site"
	"example.com/turnkey/scripts/internal/certfile"
)

// parseArgs reads the command line. A result without a URL means this machine.
func parseArgs(args []string, stderr io.Writer) (o site.Options, asJSON bool, err error) {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run prints the error
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	caFile := flags.String("ca", "", "trust the authorities of this PEM `file` too: a private CA, or a test CA")
	flags.IntVar(&o.HTTPPort, "http-port", 0, "where the site answers plain http (80, if https is on 443)")
	address := flags.String("address", "",
		"look at this `IP` instead of what DNS says: a server before its name leads to it")
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
		return o, false, errors.New("-ca, -address and -http-port are for a site, and none is given → doctor " +
			"https://example.com")
	}
	if *address != "" {
		if o.Address, err = netip.ParseAddr(*address); err != nil {
			return o, false, fmt.Errorf("-address %q is not an IP address", *address)
		}
	}
	if *caFile != "" {
		if o.Roots, err = certfile.Read(*caFile); err != nil {
			return o, false, fmt.Errorf("-ca: %w → give a PEM file with certificates", err)
		}
	}
	return o, asJSON, nil
}

// parseMixed parses flags before and after other arguments. Package flag stops at the first other argument, and many
// users type the site first.
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
