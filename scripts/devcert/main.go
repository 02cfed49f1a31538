// Command devcert makes the development certificate, certs/cert.pem and certs/key.pem, as the first make dev does. It
// leaves a pair that is still good.
//
//	go run ./scripts/devcert [name ...]
//
// Names are private names that the certificate is for besides localhost, such as shop.test or 192.168.1.20.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.com/turnkey/scripts/internal/process"
	"example.com/turnkey/tlsconfig/localca"
)

func main() {
	process.Exit("devcert", run(os.Args[1:]))
}

func run(names []string) error {
	for _, name := range names {
		if strings.HasPrefix(name, "-") {
			return fmt.Errorf("there is no option %s; what follows the command are names: "+
				"go run ./scripts/devcert shop.test 192.168.1.20", name)
		}
	}
	dir, err := localca.Dir(os.Getenv)
	if err != nil {
		return fmt.Errorf("%w; set it, and try again", err)
	}
	req := localca.Request{
		CertFile: filepath.Join("certs", "cert.pem"), KeyFile: filepath.Join("certs", "key.pem"),
		CADir: dir, Names: localca.Names(process.Project(), names), Owner: localca.Invoker(os.Getenv),
	}
	result, err := localca.Ensure(req)
	for _, line := range result.Alarms {
		fmt.Fprintln(os.Stderr, "devcert:", line)
	}
	if err != nil {
		return err
	}
	for _, line := range result.Lines(req) {
		fmt.Println(line)
	}
	return nil
}
