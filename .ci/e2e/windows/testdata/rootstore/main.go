//go:build windows

// Command rootstore puts the certificate of a PEM file into CurrentUser\Root, as certutil -user -addstore Root FILE does.
// Wine's certutil does nothing.
package main

import (
	"encoding/pem"
	"fmt"
	"os"
	"syscall"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "rootstore:", err)
		os.Exit(1)
	}
}

func run(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fmt.Errorf("no certificate in %s", file)
	}
	name, err := syscall.UTF16PtrFromString("Root")
	if err != nil {
		return err
	}
	store, err := syscall.CertOpenSystemStore(0, name)
	if err != nil {
		return err
	}
	cert, err := syscall.CertCreateCertificateContext(syscall.X509_ASN_ENCODING, &block.Bytes[0], uint32(len(block.Bytes)))
	if err != nil {
		return err
	}
	if err := syscall.CertAddCertificateContextToStore(store, cert, syscall.CERT_STORE_ADD_ALWAYS, nil); err != nil {
		return err
	}
	return syscall.CertCloseStore(store, 0)
}
