package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/localca"
)

// ask puts the question of the first `make dev` on a machine, and does what the answer says. It never stands in the
// way of serving: what it cannot find out it does not ask about, and what failed is in the table.
func ask(ctx context.Context, host *truststore.Host, dir string, c console) error {
	if !c.person || host.Getenv("CI") != "" || host.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		return nil
	}
	ca, made, err := localca.Open(dir)
	if err != nil {
		return nil // the server says so, and serves from memory
	}
	root, err := truststore.OpenRoot(dir, true)
	if err != nil {
		return nil
	}
	if answer := truststore.Asked(dir, root); answer != truststore.NotAsked {
		return truststore.SaveAnswer(dir, answer, root) // newer than the CA again, for the Makefile
	}
	stores, err := truststore.Detect(ctx, host, dir, root)
	if err != nil {
		return err
	}
	if made {
		home := host.Getenv("HOME")
		fmt.Fprintf(c.out, "\n  A local CA for development was made in %s, until %s.\n", settings.Tilde(dir+string(filepath.Separator), home), ca.Root().NotAfter.Format("2006"))
		fmt.Fprintln(c.out, "  It can vouch for private names only (localhost, *.test, *.local, LAN addresses), and its root key is gone.")
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
		fmt.Fprint(c.out, "\n  Left alone; browsers will warn. Whenever you like: make trust\n  One program alone: curl --cacert certs/ca.pem https://localhost:8443\n")
		return truststore.SaveAnswer(dir, truststore.No, root)
	}
	return apply(ctx, host, dir, root, c, options{}) // which keeps the answer
}

// container says whether this is one, where no browser is. root is the file system's.
func container(root string) bool {
	for _, sign := range []string{".dockerenv", "run/.containerenv"} {
		if _, err := os.Stat(filepath.Join(root, sign)); err == nil {
			return true
		}
	}
	return false
}

// changeable finds the user's stores that a yes would change, and why others cannot be, each reason once.
func changeable(ctx context.Context, stores []truststore.Store) (open []truststore.Info, blocked []*truststore.Blocked) {
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

// question reads until there is a yes or a no; Enter is yes. Ctrl-C ends it.
func question(ctx context.Context, c console) (yes bool, err error) {
	lines := bufio.NewReader(c.in)
	for {
		fmt.Fprint(c.out, "\n  [Y/n] ")
		type result struct {
			text string
			err  error
		}
		read := make(chan result, 1)
		go func() {
			text, err := lines.ReadString('\n')
			read <- result{text, err}
		}()
		select {
		case <-ctx.Done():
			return false, errInterrupted
		case r := <-read:
			if r.err != nil {
				return false, r.err
			}
			switch strings.ToLower(strings.TrimSpace(r.text)) {
			case "", "y", "yes":
				return true, nil
			case "n", "no":
				return false, nil
			}
			fmt.Fprint(c.out, "  Please answer y or n.\n")
		}
	}
}

var errInterrupted = errors.New("interrupted; you are asked again next time")

// terminal says whether a person is at the other end: a character device, but not the one that is always empty.
func terminal(files ...*os.File) bool {
	null, err := os.Stat(os.DevNull)
	for _, f := range files {
		info, err2 := f.Stat()
		if err != nil || err2 != nil || info.Mode()&os.ModeCharDevice == 0 || os.SameFile(info, null) {
			return false
		}
	}
	return true
}
