package pages

import (
	"reflect"
	"slices"
	"text/template/parse"
)

// scope is what is known at one point of a template.
type scope struct {
	*checker
	tree     *parse.Tree
	vars     []variable
	assigned map[string]bool // variables that get another value by =, at any place: their type is not known
}

type variable struct {
	name string
	typ  reflect.Type
}

func (s *scope) declare(name string, typ reflect.Type) {
	if s.assigned[name] {
		typ = nil
	}
	s.vars = append(s.vars, variable{name, typ})
}

func (s *scope) variable(name string) reflect.Type {
	for _, v := range slices.Backward(s.vars) {
		if v.name == name {
			return v.typ
		}
	}
	return nil
}
