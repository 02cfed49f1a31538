package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// siteEnv returns the environment of the site: base, except what the rehearsal decides, so that the owner's own
// settings and variables apply. An empty value overrides what .env says.
func siteEnv(base, names []string, httpsPort, plainPort int, directory, caFile, cache string) []string {
	return append(base[:len(base):len(base)],
		"ENV=prod", "TLS_MODE=acme", "DOMAINS="+strings.Join(names, ","),
		"HTTPS_ADDR="+loopback(httpsPort), "HTTP_ADDR="+loopback(plainPort), "ADMIN_ADDR=off",
		// the account and certificates of a real CA stay untouched
		"ACME_DIRECTORY="+directory, "ACME_CA_FILE="+caFile, "ACME_CACHE="+cache,
		"ACME_REHEARSAL=off", "ACME_PROFILE=", "ACME_EAB_KID=", "ACME_EAB_HMAC_KEY=",
		// clients connect directly
		"TLS_CERT_FILE=", "TLS_KEY_FILE=", "TLS_CLIENT_CA_FILE=", "TRUSTED_PROXIES=", "CLIENT_IP_HEADER=",
		"LOG_FORMAT=text", "LOG_LEVEL=info", "SHUTDOWN_GRACE=1s",
	)
}

// startSite starts the site as it would be deployed. trouble is called after every failed attempt to get a certificate.
func startSite(project, path string, env []string, trouble, ended func(error), echo func(string)) (*part, error) {
	cmd := exec.Command(path)
	cmd.Env = env
	return start(project, cmd, func(line string) {
		if err := complaint(line); err != nil {
			trouble(err)
		}
		echo(line)
	}, ended)
}

// complaint returns the error of a log line about a certificate that was not obtained, and nil for any other line.
func complaint(line string) error {
	f := fields(line)
	if f["level"] != "ERROR" || f["host"] == "" || f["error"] == "" {
		return nil
	}
	advice := ""
	if f["advice"] != "" {
		advice = "\n  → " + f["advice"]
	}
	return fmt.Errorf("%s: %s: %s%s", f["host"], f["msg"], f["error"], advice)
}
