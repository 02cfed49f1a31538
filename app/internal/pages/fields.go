package pages

import (
	"fmt"
	"html/template"
	"reflect"
	"strings"
	"text/template/parse"

	"example.com/turnkey/app/internal/spelling"
)

// checkFields returns a fault for every field and method that a page's templates use and that the type of its value
// lacks. It follows types through range, with, variables, pipelines and calls of templates, as text/template follows
// values when it executes. Where it cannot know a type it finds nothing: a nil reflect.Type stands for that. So a
// template that executes without an error has no fault, with one exception: what is in a branch that is never taken.
func checkFields(s *set, value any, functions template.FuncMap) Faults {
	c := &checker{set: s, functions: functions, done: map[templateCall]bool{}}
	if _, ok := s.trees[s.entry]; ok {
		c.template(s.entry, known(reflect.TypeOf(value)))
	}
	return c.faults.unique()
}

type checker struct {
	*set
	functions template.FuncMap
	done      map[templateCall]bool
	faults    Faults
}

type templateCall struct {
	name string
	dot  reflect.Type
}

// template checks one template for one type of its argument.
func (c *checker) template(name string, dot reflect.Type) {
	if call := (templateCall{name, dot}); !c.done[call] {
		c.done[call] = true
		tree := c.trees[name].tree
		s := &scope{checker: c, tree: tree, assigned: map[string]bool{}}
		eachAction(tree.Root, func(_ parse.Node, pipe *parse.PipeNode) {
			if pipe == nil || !pipe.IsAssign {
				return
			}
			for _, v := range pipe.Decl {
				s.assigned[v.Ident[0]] = true
			}
		})
		s.declare("$", dot)
		s.list(dot, tree.Root)
	}
}

func (s *scope) list(dot reflect.Type, list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			s.pipeline(dot, n.Pipe)
		case *parse.IfNode:
			s.branch(dot, &n.BranchNode, false)
		case *parse.WithNode:
			s.branch(dot, &n.BranchNode, true)
		case *parse.RangeNode:
			s.rangeOver(dot, n)
		case *parse.TemplateNode:
			s.checker.template(n.Name, s.pipeline(dot, n.Pipe))
		}
	}
}

// branch checks if and with.
func (s *scope) branch(dot reflect.Type, b *parse.BranchNode, setsDot bool) {
	mark := len(s.vars)
	inside := dot
	if value := s.pipeline(dot, b.Pipe); setsDot {
		inside = value
	}
	declared := len(s.vars)
	s.list(inside, b.List)
	s.vars = s.vars[:declared]
	s.list(dot, b.ElseList)
	s.vars = s.vars[:mark]
}

func (s *scope) rangeOver(dot reflect.Type, r *parse.RangeNode) {
	mark := len(s.vars)
	key, elem := iterated(s.commands(dot, r.Pipe), len(r.Pipe.Decl))
	if !r.Pipe.IsAssign {
		switch len(r.Pipe.Decl) {
		case 1:
			s.declare(r.Pipe.Decl[0].Ident[0], elem)
		case 2:
			s.declare(r.Pipe.Decl[0].Ident[0], key)
			s.declare(r.Pipe.Decl[1].Ident[0], elem)
		}
	}
	s.list(elem, r.List)
	s.vars = s.vars[:mark]
	for _, v := range r.Pipe.Decl { // after else they have the value of the whole pipeline
		s.declare(v.Ident[0], nil)
	}
	s.list(dot, r.ElseList)
	s.vars = s.vars[:mark]
}

// pipeline returns the type of a pipeline's value, and declares its variables.
func (s *scope) pipeline(dot reflect.Type, pipe *parse.PipeNode) reflect.Type {
	if pipe == nil {
		return nil
	}
	value := s.commands(dot, pipe)
	if !pipe.IsAssign {
		for _, v := range pipe.Decl {
			s.declare(v.Ident[0], value)
		}
	}
	return value
}

func (s *scope) commands(dot reflect.Type, pipe *parse.PipeNode) (value reflect.Type) {
	for i, cmd := range pipe.Cmds {
		args := make([]reflect.Type, 0, len(cmd.Args))
		for _, arg := range cmd.Args[1:] {
			args = append(args, s.value(dot, arg, nil))
		}
		if i > 0 {
			args = append(args, value) // the value before | is the last argument
		}
		value = s.value(dot, cmd.Args[0], args)
	}
	return value
}

// value returns the type of a word, which may be a function that gets arguments of the given types.
func (s *scope) value(dot reflect.Type, n parse.Node, args []reflect.Type) reflect.Type {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.BoolNode:
		return reflect.TypeFor[bool]()
	case *parse.StringNode:
		return reflect.TypeFor[string]()
	case *parse.FieldNode:
		return s.chain(dot, n, n.Ident)
	case *parse.ChainNode:
		return s.chain(s.value(dot, n.Node, nil), n, n.Field)
	case *parse.VariableNode:
		return s.chain(s.variable(n.Ident[0]), n, n.Ident[1:])
	case *parse.PipeNode:
		return s.pipeline(dot, n)
	case *parse.IdentifierNode:
		return s.result(n.Ident, args)
	}
	return nil // nil, and numbers: the place decides which kind of number
}

func (s *scope) chain(t reflect.Type, n parse.Node, names []string) reflect.Type {
	for _, name := range names {
		t = s.field(t, n, name)
	}
	return t
}

// field returns the type of a field, of a method's result or of an entry of a map.
func (s *scope) field(t reflect.Type, n parse.Node, name string) reflect.Type {
	if t = behind(t); t == nil {
		return nil
	}
	for _, receiver := range []reflect.Type{t, reflect.PointerTo(t)} {
		if m, ok := receiver.MethodByName(name); ok {
			return firstResult(m.Type)
		}
	}
	problem := "has neither a field nor a method"
	switch t.Kind() {
	case reflect.Struct:
		f, ok := t.FieldByName(name)
		if ok && f.IsExported() {
			return known(f.Type)
		}
		if ok {
			problem = "does not export the field"
		}
	case reflect.Map:
		if reflect.TypeFor[string]().AssignableTo(t.Key()) {
			return known(t.Elem())
		}
	}
	names := fieldNames(t)
	fix := "correct the name, or add it to the type"
	if near := spelling.Nearest(name, names, len(name)/2); near != "" {
		fix = fmt.Sprintf("is %s meant? Else add it to the type", near)
	}
	if len(names) > 0 && len(names) <= 20 {
		fix += ", which has " + strings.Join(names, ", ")
	}
	s.faults = append(s.faults, faultAt(n, s.tree, fmt.Sprintf("{{%s}}: %s %s %s", n, t, problem, name), fix))
	return nil
}

// result returns the type of a function's value.
func (s *scope) result(name string, args []reflect.Type) reflect.Type {
	if own := s.functions[name]; own != nil {
		return firstResult(reflect.TypeOf(own))
	}
	switch name {
	case "len":
		return reflect.TypeFor[int]()
	case "html", "js", "print", "printf", "println", "urlquery":
		return reflect.TypeFor[string]()
	case "eq", "ge", "gt", "le", "lt", "ne", "not":
		return reflect.TypeFor[bool]()
	case "and", "or": // the value of one of the arguments
		for _, a := range args {
			if a != args[0] {
				return nil
			}
		}
		if len(args) > 0 {
			return args[0]
		}
	case "index":
		return indexed(args)
	}
	return nil
}
