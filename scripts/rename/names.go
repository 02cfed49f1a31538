package main

import (
	"path"
	"strings"
)

// names are the ways to write a project's name where the template writes its own.
type names struct {
	kebab  string // my-shop: binary, host, service
	title  string // My Shop: headings
	train  string // My-Shop: header fields
	snake  string // my_shop: metrics
	upper  string // MY_SHOP: variables of the environment
	camel  string // myShop: identifiers
	pascal string // MyShop: exported ones
}

func namesOf(modulePath string) names {
	kebab := path.Base(modulePath)
	words := strings.FieldsFunc(kebab, func(r rune) bool { return r == '-' })
	capitals := make([]string, len(words))
	for i, w := range words {
		capitals[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	snake, pascal := strings.Join(words, "_"), strings.Join(capitals, "")
	return names{kebab: kebab, title: strings.Join(capitals, " "), train: strings.Join(capitals, "-"), snake: snake,
		upper: strings.ToUpper(snake), camel: strings.ToLower(pascal[:1]) + pascal[1:], pascal: pascal}
}

func (n names) all() []string {
	return []string{n.kebab, n.title, n.train, n.snake, n.upper, n.camel, n.pascal}
}

// instead is how n is written in place of match, the template's name, between two neighbours. An identifier of Go is
// one whatever its neighbours are.
func (n names) instead(match string, before, after byte, identifier bool) string {
	lower := match == strings.ToLower(match)
	joined := wordByte(before) || wordByte(after)
	switch {
	case match == strings.ToUpper(match):
		return n.upper
	case lower && (before == '_' || after == '_'):
		return n.snake
	case lower && (identifier || joined):
		return n.camel
	case lower:
		return n.kebab
	case identifier || joined:
		return n.pascal
	case before == '-' || after == '-':
		return n.train
	}
	return n.title
}

func wordByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
