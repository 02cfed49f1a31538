// Package qr makes QR codes of short texts, such as an address for a phone (ISO/IEC 18004: byte mode, error correction
// level L, versions 1 to 5, which need no interleaving of blocks).
package qr

import (
	"fmt"
	"math/bits"
)

// Code is a square of modules, true where dark, without the light margin of four modules that it needs around it.
type Code [][]bool

// versions lists codewords of data and of error correction.
var versions = []struct{ data, correction int }{{19, 7}, {34, 10}, {55, 15}, {80, 20}, {108, 26}}

// MaxLen is the longest text, in bytes.
const MaxLen = 106

// Encode makes the smallest code that holds text.
func Encode(text string) (Code, error) {
	for i, v := range versions {
		if len(text)+2 <= v.data { // mode, length and end make two bytes
			return best(i+1, append(data(text, v.data), correction(data(text, v.data), v.correction)...)), nil
		}
	}
	return nil, fmt.Errorf("a text of %d bytes does not fit in a code; %d do", len(text), MaxLen)
}

// data is the text as codewords: mode 4 and length, 12 bits, then the bytes, half a byte off, then padding.
func data(text string, size int) []byte {
	out := make([]byte, 0, size)
	last := byte(4)
	for _, b := range append([]byte{byte(len(text))}, text...) {
		out = append(out, last<<4|b>>4)
		last = b & 0xf
	}
	out = append(out, last<<4)
	for pad := byte(0xec); len(out) < size; pad ^= 0xec ^ 0x11 {
		out = append(out, pad)
	}
	return out
}

// best tries every mask and takes the one that is easiest to read.
func best(version int, codewords []byte) (code Code) {
	least := 0
	for mask := range masks {
		c := draw(version, codewords, mask)
		if p := penalty(c); code == nil || p < least {
			code, least = c, p
		}
	}
	return code
}

var masks = []func(row, col int) bool{
	func(r, c int) bool { return (r+c)%2 == 0 },
	func(r, c int) bool { return r%2 == 0 },
	func(r, c int) bool { return c%3 == 0 },
	func(r, c int) bool { return (r+c)%3 == 0 },
	func(r, c int) bool { return (r/2+c/3)%2 == 0 },
	func(r, c int) bool { return r*c%2+r*c%3 == 0 },
	func(r, c int) bool { return (r*c%2+r*c%3)%2 == 0 },
	func(r, c int) bool { return ((r+c)%2+r*c%3)%2 == 0 },
}

// draw puts everything in its place.
func draw(version int, codewords []byte, mask int) Code {
	size := 17 + 4*version
	code, fixed := square(size), square(size)
	set := func(row, col int, dark bool) {
		if row >= 0 && col >= 0 && row < size && col < size {
			code[row][col], fixed[row][col] = dark, true
		}
	}
	rings := func(row, col, radius int, dark func(ring int) bool) {
		for r := -radius; r <= radius; r++ {
			for c := -radius; c <= radius; c++ {
				set(row+r, col+c, dark(max(r, -r, c, -c)))
			}
		}
	}
	for i := range size {
		set(6, i, i%2 == 0)
		set(i, 6, i%2 == 0)
	}
	for _, at := range [][2]int{{3, 3}, {3, size - 4}, {size - 4, 3}} {
		rings(at[0], at[1], 4, func(ring int) bool { return ring != 2 && ring != 4 })
	}
	if version > 1 {
		rings(size-7, size-7, 2, func(ring int) bool { return ring != 1 })
	}
	format := format(mask)
	for i := range 15 { // bit 0 first; each is there twice
		bit := format>>i&1 == 1
		switch {
		case i < 6:
			set(i, 8, bit)
		case i < 8:
			set(i+1, 8, bit)
		case i == 8:
			set(8, 7, bit)
		default:
			set(8, 14-i, bit)
		}
		if i < 8 {
			set(8, size-1-i, bit)
		} else {
			set(size-15+i, 8, bit)
		}
	}
	set(size-8, 8, true)

	// Two columns at a time from the right, up and down in turns; column 6 is the timing pattern's.
	next, up := 0, true
	for right := size - 1; right > 0; right, up = right-2, !up {
		if right == 6 {
			right--
		}
		for i := range size {
			row := i
			if up {
				row = size - 1 - i
			}
			for _, col := range []int{right, right - 1} {
				if fixed[row][col] {
					continue
				}
				bit := next < 8*len(codewords) && codewords[next/8]>>(7-next%8)&1 == 1
				code[row][col] = bit != masks[mask](row, col)
				next++
			}
		}
	}
	return code
}

// format is the level, L, and the mask with their own error correction.
func format(mask int) int {
	word := 1<<3 | mask
	rest := word << 10
	for bits.Len(uint(rest)) > 10 {
		rest ^= 0x537 << (bits.Len(uint(rest)) - 11)
	}
	return (word<<10 | rest) ^ 0x5412
}

func square(size int) Code {
	s := make(Code, size)
	for i := range s {
		s[i] = make([]bool, size)
	}
	return s
}
