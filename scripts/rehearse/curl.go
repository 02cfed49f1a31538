package main

import (
	"fmt"
	"strings"
)

// curlLine returns a command to paste into another terminal.
func curlLine(goos string, getenv func(string) string, rootFile, name string, port int) string {
	line := "curl"
	if goos == "windows" {
		line = "curl.exe --ssl-no-revoke" // curl is another command in PowerShell; a test CA has no revocation list
	}
	for _, proxy := range []string{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"} {
		if getenv(proxy) != "" {
			line += " --noproxy '*'"
			break
		}
	}
	return fmt.Sprintf("%s --cacert %s --resolve %s:%d:127.0.0.1 %s", line, quoted(goos, rootFile), name, port,
		siteURL("https", name, port))
}

const plainInShells = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+"

// quoted quotes a path for the shell.
func quoted(goos, path string) string {
	switch {
	case goos == "windows":
		return `"` + path + `"`
	case strings.Trim(path, plainInShells) == "":
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func siteURL(scheme, name string, port int) string {
	return fmt.Sprintf("%s://%s:%d/", scheme, name, port)
}
