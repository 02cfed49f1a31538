package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// siteEnv is the environment of the site: base, but for what the rehearsal decides, so that the owner's own settings
// and variables play too. Empty takes back what .env says.
func siteEnv(base, names []string, httpsPort, plainPort int, directory, caFile, cache string) []string {
	return append(base[:len(base):len(base)],
		"ENV=prod", "TLS_MODE=acme", "DOMAINS="+strings.Join(names, ","),
		"HTTPS_ADDR="+loopback(httpsPort), "HTTP_ADDR="+loopback(plainPort), "ADMIN_ADDR=off",
		"ACME_DIRECTORY="+directory, "ACME_CA_FILE="+caFile, "ACME_CACHE="+cache, // nothing of a real authority's is touched
		"ACME_REHEARSAL=off", "ACME_PROFILE=", "ACME_EAB_KID=", "ACME_EAB_HMAC_KEY=",
		"TLS_CERT_FILE=", "TLS_KEY_FILE=", "TLS_CLIENT_CA_FILE=", "TRUSTED_PROXIES=", "CLIENT_IP_HEADER=", // it is reached directly
		"LOG_FORMAT=text", "LOG_LEVEL=info", "SHUTDOWN_GRACE=1s",
	)
}

// startSite starts the site as it would be deployed. trouble is told of every attempt to get a certificate that came
// to nothing.
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

// complaint is what a log line says of a certificate that was not obtained; nil for any other line.
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
