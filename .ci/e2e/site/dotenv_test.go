package site

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// TestDotenvIsReadAsByNodesPackage compares the product's reader of .env with the npm package dotenv. Each file gives
// the same values, or a fault.
func TestDotenvIsReadAsByNodesPackage(t *testing.T) {
	t.Parallel()
	table := []string{ // these are no faults
		"KEY=$2y$10$abcdefgHIJ", `KEY="Pa$WORD"`, "KEY=kAjMfB<Qdq$7KJ!x", `KEY='single $x ${X}'`, "KEY=`it's \"both\"`", "KEY=a #b", `KEY="a#b"`,
		`KEY="two\nlines"`, "KEY=\"-----BEGIN\nMII+/=\n-----END\"", "export KEY=x", "KEY=x\r\nB=y\r\n", "\ufeffKEY=x", "KEY: value", "KEY=  x  ",
		`KEY="x" # comment`, "KEY=1\nKEY=2", "KEY=", `KEY=""`, "MY-KEY=x", "my.key=x", "KEY= # comment", "KEY=x # one # two", `KEY="C:\temp\x"`,
		`KEY={"a":"b"}`, "# KEY=x\n\n  KEY=y", "KEY='x\\'", "KEY=x\u00a0", "1KEY=x", "KEY=a=b",
	}
	texts := append([]string{}, table...)
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{"A", "B", "=", "=", "=", "\n", "\n", " ", "#", "'", `"`, "`", "$", "${A}", `\`, `\n`, "\r\n", "x", "y z", ":", ": ", "export ", "\t", "\u00a0", "ü", "\r", "-", "."}
	for range 20000 {
		var b strings.Builder
		for range 2 + random.IntN(14) {
			b.WriteString(parts[random.IntN(len(parts))])
		}
		texts = append(texts, b.String(), "A="+b.String()+"\nB=1\n")
	}
	data, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "texts.json")
	rig.Write(t, file, data, 0o600)

	var want, got []map[string]string
	node(t, nil, "", &want, "dotenv.cjs", file)
	cmd := exec.Command("go", "run", "-tags", "nomsgpack", filepath.Join(".ci", "e2e", "site", "readenv.go"), file)
	cmd.Dir, cmd.Env = filepath.Join("..", "..", ".."), append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &got)
	}
	if err != nil || len(got) != len(texts) || len(want) != len(texts) {
		t.Fatalf("%d texts, %d read here and %d by Node's dotenv: %v", len(texts), len(got), len(want), err)
	}
	read := 0
	for i, text := range texts {
		switch {
		case got[i] == nil && i < len(table):
			t.Errorf("%q is a fault; Node's dotenv reads %q", text, want[i])
		case got[i] != nil && !maps.Equal(got[i], want[i]):
			t.Errorf("%q: got %q, Node's dotenv reads %q", text, got[i], want[i])
		case len(got[i]) > 0:
			read++
		}
	}
	if read < len(texts)/10 {
		t.Errorf("only %d of %d files are no faults: the comparison says little", read, len(texts))
	}
	t.Logf("%d of %d files are read, the others are faults", read, len(texts))
}
