package main

import (
	"errors"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"example.com/turnkey/scripts/internal/project"
)

var (
	requirements  = regexp.MustCompile(`(?ms)^require \(.*?^\)$|^require [^(]*?$`)
	goLine        = regexp.MustCompile(`(?m)^go (\S+)$`)
	toolchainLine = regexp.MustCompile(`(?m)^toolchain (\S+)$`)
)

// raise raises go.mod to at least the starter's versions and lowers none: if a module is required twice, the go command
// uses the newer version, and go mod tidy leaves one line.
func raise(tree project.Tree, next *starter) error {
	theirs, err := next.show("go.mod")
	if err != nil {
		return err
	}
	mine, err := os.ReadFile(tree.Path("go.mod"))
	if err != nil {
		return err
	}
	text := project.LF(mine)
	for _, line := range []*regexp.Regexp{goLine, toolchainLine} {
		now, then := find(line, string(text)), find(line, theirs)
		switch {
		case now == "" && then != "":
			text = fmt.Appendf(text, "\n%s\n", line.FindString(theirs))
		case version.Compare(goVersion(now), goVersion(then)) < 0:
			text = line.ReplaceAll(text, []byte(line.FindString(theirs)))
		}
	}
	for _, block := range requirements.FindAllString(theirs, -1) {
		text = fmt.Appendf(text, "\n%s\n", block)
	}
	if err := os.WriteFile(tree.Path("go.mod"), text, 0o644); err != nil {
		return err
	}
	if err := addSums(tree, next); err != nil {
		return err
	}
	cmd := exec.Command("go", "mod", "tidy")
	cmd.Dir, cmd.Env = string(tree), append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go mod tidy: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

func find(line *regexp.Regexp, text string) string {
	if m := line.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// goVersion writes the version of a go line as a toolchain line does.
func goVersion(v string) string { return "go" + strings.TrimPrefix(v, "go") }

// addSums adds the starter's lines to go.sum, so that go mod tidy need not ask the checksum database for them. It
// removes those that are not needed. Lines are in the order of their modules, as the go command writes them.
func addSums(tree project.Tree, next *starter) error {
	theirs, err := next.show("go.sum")
	if err != nil {
		return nil // a starter without requirements has none
	}
	mine, err := os.ReadFile(tree.Path("go.sum"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	lines := strings.SplitAfter(string(project.LF(mine)), "\n")
	for line := range strings.Lines(theirs) {
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	slices.SortStableFunc(lines, func(a, b string) int {
		pathA, _, _ := strings.Cut(a, " ")
		pathB, _, _ := strings.Cut(b, " ")
		return strings.Compare(pathA, pathB)
	})
	return os.WriteFile(tree.Path("go.sum"), []byte(strings.Join(lines, "")), 0o644)
}
