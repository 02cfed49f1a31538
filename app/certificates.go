package main

import "example.com/turnkey/tlsconfig"

// onCertificate is yours: it is told of every certificate obtained, renewed or failed, in a goroutine of its own.
// Authorities no longer send mail before a certificate expires, so this is where an alarm belongs. What happened is
// in the log and in /metrics already.
func onCertificate(e tlsconfig.Event) {
	switch e.Kind {
	case tlsconfig.Failed:
		// Send mail, or post to a chat: e.Err is what went wrong, e.Status.Advice what to do about it, and
		// e.Status.NotAfter how long the certificate in hand still serves.
	case tlsconfig.Obtained, tlsconfig.Renewed:
	}
}
