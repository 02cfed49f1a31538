package qr

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

const address = "http://192.168.1.20:8088/"

// Every mask of every version against what another encoder (rsc.io/qr v0.2.0, package coding) draws, by its hash.
func TestDraw(t *testing.T) {
	for i, test := range []struct {
		length int
		want   string
	}{
		{17, "65509f5b3ec5a3e3026963bc5b6fa00672ebf397e64e063eea4244038bab1ddd"},
		{25, "4e50cfa1ce23dd588829c4b7e9c10a6c6315c471cc29a25f4f4fc1ed4b82046c"},
		{53, "0ad69e4dfcd91658e1576d4ce09a5683ce792e191866436d1c1855e4b9f337bf"},
		{78, "d0c656eefc7761597830485b44eea034d524755b26e24c0b067b1f3152dc0ee1"},
		{106, "179f5ccc01d3e8b18277dbe084f08465dba3786775c20d609cea37228ed495e9"},
	} {
		text := (address + strings.Repeat("abc-", 30))[:test.length]
		var all strings.Builder
		chosen := false
		code, err := Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		for mask := range masks {
			d := data(text, versions[i].data)
			drawn := show(draw(i+1, append(d, correction(d, versions[i].correction)...), mask))
			all.WriteString(drawn)
			chosen = chosen || drawn == show(code)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(all.String()))); got != test.want {
			t.Errorf("version %d differs:\n%s", i+1, all.String())
		}
		if !chosen {
			t.Errorf("version %d: the code is none of the eight", i+1)
		}
	}
}

// HELLO WORLD in version 1-M, the example of most tutorials.
func TestCorrection(t *testing.T) {
	data := []byte{32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17}
	want := []byte{196, 35, 39, 119, 235, 215, 231, 226, 93, 23}
	if got := correction(data, len(want)); !bytes.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFormat(t *testing.T) {
	for mask, want := range map[int]int{0: 0b111011111000100, 4: 0b110011000101111, 7: 0b110100101110110} {
		if got := format(mask); got != want {
			t.Errorf("mask %d: got %015b, want %015b", mask, got, want)
		}
	}
}

func TestData(t *testing.T) {
	if got, want := hex.EncodeToString(data("http", 8)), "404687474700ec11"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTooLong(t *testing.T) {
	if _, err := Encode(strings.Repeat("a", MaxLen)); err != nil {
		t.Error(err)
	}
	if _, err := Encode(strings.Repeat("a", MaxLen+1)); err == nil {
		t.Error("a text that does not fit was encoded")
	}
}

func TestTerminal(t *testing.T) {
	code, err := Encode(address)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(code.Terminal("  "), "\n"), "\n")
	if got, want := len(lines), (25+8+1)/2; got != want {
		t.Errorf("%d lines, want %d", got, want)
	}
	if blank := strings.TrimSpace(lines[0]); blank != "\x1b[38;5;16;48;5;231m"+strings.Repeat(" ", 33)+"\x1b[0m" {
		t.Errorf("the margin is %q", blank)
	}
}

func show(c Code) string {
	var b strings.Builder
	for _, row := range c {
		for _, dark := range row {
			b.WriteByte(shade(dark))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
