package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/localca"
)

// askOnce asks, at the first make dev on a machine, whether browsers should trust the CA, and acts on the answer. It
// never prevents the site from being served: it prints what failed.
func (t *trust) askOnce(ctx context.Context) error {
	if !t.person || t.host.Getenv("CI") != "" || t.host.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		return nil
	}
	ca, made, err := localca.Open(t.dir)
	if err != nil {
		return nil // the server reports that, and serves from memory
	}
	if ca.Permits("example.com") {
		return nil // a CA for every name needs an explicit make trust
	}
	if t.root, err = truststore.OpenRoot(t.dir, true); err != nil {
		return nil
	}
	if answer := truststore.Asked(t.dir, t.root); answer != "" {
		return t.save(answer) // so that the file is newer than the CA, for make.mk
	}
	stores, err := truststore.Detect(ctx, t.host, t.dir, t.root)
	if err != nil {
		return err
	}
	if made {
		fmt.Fprintf(t.out, "\n  A local CA for development was made in %s, until %s.\n"+
			"  It can sign for private names only (localhost, *.test, *.local, LAN addresses), which cannot "+
			"be changed: the key of its root was deleted.\n",
			settings.Tilde(t.dir+string(filepath.Separator), t.host.Getenv("HOME")), ca.Root().NotAfter.Format("2006"))
	}
	open, blocked := changeable(ctx, stores)
	switch {
	case len(open) == 0 && len(blocked) == 0:
		return t.save(truststore.Yes)
	case len(open) == 0:
		for _, b := range blocked {
			fmt.Fprintf(t.out, "\n  Browsers will warn for now: %s.\n  ➜ %s\n", b.Why, b.Next)
		}
		return t.save(truststore.Later)
	}
	yes, err := t.question(ctx, open)
	switch {
	case errors.Is(err, io.EOF):
		fmt.Fprint(t.out, "\n  No answer; you are asked again next time. Or: make trust\n")
		return nil
	case err != nil:
		return err
	case !yes:
		fmt.Fprint(t.out, "\n  Nothing was changed; browsers will warn. To trust it later: make trust\n"+
			"  For curl alone: curl --cacert certs/ca.pem "+settings.Load(t.host.Getenv).URL()+"\n")
		return t.save(truststore.No)
	}
	return t.apply(ctx) // it saves the answer too
}

func (t *trust) save(answer string) error { return truststore.SaveAnswer(t.dir, answer, t.root) }

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
		if reason, ok := errors.AsType[*truststore.Blocked](err); ok {
			if !seen[reason.Why] {
				blocked = append(blocked, reason)
			}
			seen[reason.Why] = true
		} else if !has {
			open = append(open, info)
		}
	}
	return open, blocked
}

var errInterrupted = errors.New("interrupted; you are asked again next time")

// question lists the stores and reads lines until one is a yes or a no. Enter means yes. Ctrl-C ends it.
func (t *trust) question(ctx context.Context, stores []truststore.Info) (yes bool, err error) {
	fmt.Fprint(t.out, "\n  Trust it in your browsers? No administrator needed; `make untrust` undoes it.\n\n")
	width := 0
	for _, s := range stores {
		width = max(width, len(s.Store))
	}
	for _, s := range stores {
		fmt.Fprintf(t.out, "    %-*s  %s\n", width, s.Store, s.Where)
	}
	if t.host.OS != "linux" {
		fmt.Fprintln(t.out, "\n  The system asks again, in its own dialog.")
	}
	lines := bufio.NewReader(t.in)
	for {
		fmt.Fprint(t.out, "\n  [Y/n] ")
		var text string
		read := make(chan error, 1)
		go func() {
			var err error
			text, err = lines.ReadString('\n')
			read <- err
		}()
		select {
		case <-ctx.Done():
			return false, errInterrupted
		case err := <-read:
			if err != nil {
				return false, err
			}
		}
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "", "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		fmt.Fprint(t.out, "  Please answer y or n.\n")
	}
}
