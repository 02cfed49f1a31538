package command_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What the README of kit opens, closes and runs is code of life_example_test.go, which
// TestARequestThatOutlastsTheSignalHasItsShelf serves.
func TestTheLifeInTheREADMEIsCode(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(readme(t, "app/kit"), "\n## Opening and closing\n")
	section, _, _ = strings.Cut(section, "\n## ")
	source, err := os.ReadFile("life_example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(section, -1)
	for _, m := range blocks {
		if !strings.Contains(flush(string(source)), flush(m[1])) {
			t.Errorf("this is not in life_example_test.go:\n%s", m[1])
		}
	}
	if len(blocks) != 1 {
		t.Errorf("%d blocks of code, want the example", len(blocks))
	}
}
