package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/localca"
)

// ask asks the question of the first make dev on a machine, and acts on the answer. It never keeps the site from being
// served: it does not ask about what it cannot find out, and prints what failed.
func ask(ctx context.Context, host *truststore.Host, dir string, c console) error {
	if !c.person || host.Getenv("CI") != "" || host.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		return nil
	}
	ca, made, err := localca.Open(dir)
	if err != nil {
		return nil // the server reports that, and serves from memory
	}
	if ca.Permits("example.com") {
		return nil // a CA for every name is trusted on purpose only: make trust
	}
	root, err := truststore.OpenRoot(dir, true)
	if err != nil {
		return nil
	}
	if answer := truststore.Asked(dir, root); answer != truststore.NotAsked {
		return truststore.SaveAnswer(dir, answer, root) // newer than the CA again, for make.mk
	}
	stores, err := truststore.Detect(ctx, host, dir, root)
	if err != nil {
		return err
	}
	if made {
		describe(c.out, settings.Tilde(dir+string(filepath.Separator), host.Getenv("HOME")), ca)
	}
	open, blocked := changeable(ctx, stores)
	if len(open) == 0 {
		for _, b := range blocked {
			fmt.Fprintf(c.out, "\n  Browsers will warn for now: %s.\n  ➜ %s\n", b.Why, b.Next)
		}
		answer := truststore.Yes
		if len(blocked) > 0 {
			answer = truststore.Later
		}
		return truststore.SaveAnswer(dir, answer, root)
	}

	fmt.Fprint(c.out, "\n  Trust it in your browsers? No administrator needed; `make untrust` takes it back.\n\n")
	list(c.out, open)
	if host.OS != "linux" {
		fmt.Fprintln(c.out, "\n  The system asks once more, in a window of its own.")
	}
	yes, err := question(ctx, c)
	if errors.Is(err, io.EOF) {
		fmt.Fprint(c.out, "\n  No answer; you are asked again next time. Or: make trust\n")
		return nil
	}
	if err != nil {
		return err
	}
	if !yes {
		fmt.Fprint(c.out, "\n  Left alone; browsers will warn. Whenever you like: make trust\n  One program alone: curl "+
			"--cacert certs/ca.pem https://localhost:8443\n")
		return truststore.SaveAnswer(dir, truststore.No, root)
	}
	return apply(ctx, host, dir, root, c, options{}) // it saves the answer too
}

// describe tells of a CA that was made just now.
func describe(w io.Writer, dir string, ca *localca.CA) {
	fmt.Fprintf(w, "\n  A local CA for development was made in %s, until %s.\n", dir, ca.Root().NotAfter.Format("2006"))
	fmt.Fprintln(w, "  It can vouch for private names only (localhost, *.test, *.local, LAN addresses), and its "+
		"root key was never stored.")
}

// changeable returns the user's stores that a yes would change, and the reasons why others cannot be changed, each
// once.
func changeable(ctx context.Context, stores []truststore.Store) (open []truststore.Info,
	blocked []*truststore.Blocked) {
	seen := map[string]bool{}
	for _, s := range stores {
		info := s.Info()
		if info.Scope != truststore.User {
			continue
		}
		has, err := s.Has(ctx)
		var reason *truststore.Blocked
		switch {
		case errors.As(err, &reason):
			if !seen[reason.Why] {
				blocked = append(blocked, reason)
			}
			seen[reason.Why] = true
		case !has:
			open = append(open, info)
		}
	}
	return open, blocked
}

func list(w io.Writer, stores []truststore.Info) {
	width := 0
	for _, s := range stores {
		width = max(width, len(s.Store))
	}
	for _, s := range stores {
		fmt.Fprintf(w, "    %-*s  %s\n", width, s.Store, s.Where)
	}
}
