package handlers

import (
	"slices"

	"example.com/turnkey/app/kit"
	"example.com/turnkey/tlsconfig"
	"example.com/turnkey/web"
)

// Site is yours: all that this program serves. app/main.go runs it, and apptest.Start starts it in a test.
var Site = kit.Site{
	Routes:        Routes,
	Files:         web.Files,
	OnCertificate: onCertificate,
	ErrorPage:     newErrorPage,

	// Pages has each page of web/templates, with a value of the type that c.HTML gets for it. The program checks the
	// fields that the page uses against this type, at the start and after each edit.
	Pages: map[string]any{
		"error": errorPage{},
		"home":  firstPage{},
		// /notes, an example
		"notes": notesPage{},
		// /connection, an example
		"connection": connectionPage{},
		// /account, an example
		"account/account":      accountPage{},
		"account/forgotten":    accountPage{},
		"account/new-password": accountPage{},
		"account/register":     accountPage{},
		"account/sign-in":      accountPage{},
		"account/users":        accountPage{},
	},

	// Settings are variables of your own. server.Setting("NAME") returns a value. check and --help list them.
	Settings: slices.Concat(
		accountSettings,
		[]kit.Setting{}, // {Name: "STRIPE_KEY", About: "Of Stripe.", Required: true, InTests: "sk_test", Secret: true}
	),

	// Commands are your own: bin/NAME adduser ada@example.com
	Commands: slices.Concat(
		accountCommands,
		[]kit.Command{}, // {Name: "adduser", About: "ADDRESS: add a user", Run: addUser}
	),

	// BodyLimits: map[string]int64{"/api/pictures": 20 << 20}, // bytes; all other routes take 1 MiB
	// BodyTypes:  map[string][]string{"/feed": {"application/xml"}}, // YAML only from clients that you trust
	// Functions:  template.FuncMap{"upper": strings.ToUpper}, // for templates
}

// onCertificate is called for each certificate that was obtained or renewed, and for each failure. CAs send no mail
// before a certificate expires, so send an alarm here. The log and /metrics already have all of this.
func onCertificate(e tlsconfig.Event) {
	switch e.Kind {
	case tlsconfig.Failed:
		// Send mail, or post to a chat. e.Err is what went wrong, e.Status.Advice what to do about it, and
		// e.Status.NotAfter the time at which the present certificate expires.
	case tlsconfig.Obtained, tlsconfig.Renewed:
	}
}
