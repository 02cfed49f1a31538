package main

import (
	"go/scanner"
	"go/token"
	"strings"
)

// mark is what a byte of a Go file belongs to.
type mark byte

const (
	inIdentifier mark = iota + 1
	inImport
)

// goMarks are the marks of a Go file's bytes, none for another file.
func goMarks(file string, src []byte) []mark {
	if !strings.HasSuffix(file, ".go") {
		return nil
	}
	marks := make([]mark, len(src))
	f := token.NewFileSet().AddFile(file, -1, len(src))
	var s scanner.Scanner
	s.Init(f, src, func(token.Position, string) {}, 0) // what does not scan is a text, and no reason to stop
	importing, block := false, false
	for {
		pos, tok, lit := s.Scan()
		fill := func(m mark) {
			for i, start := 0, f.Offset(pos); i < len(lit) && start+i < len(marks); i++ {
				marks[start+i] = m
			}
		}
		switch {
		case tok == token.EOF:
			return marks
		case tok == token.IMPORT:
			importing = true
		case importing && tok == token.LPAREN:
			block = true
		case importing && tok == token.RPAREN:
			importing, block = false, false
		case importing && tok == token.STRING:
			fill(inImport)
			importing = block
		case tok == token.IDENT:
			fill(inIdentifier)
		}
	}
}
