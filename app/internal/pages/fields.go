package pages

import (
	"fmt"
	"html/template"
	"reflect"
	"slices"
	"strings"
	"text/template/parse"
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
		s.findAssigned(tree.Root)
		s.declare("$", dot)
		s.list(dot, tree.Root)
	}
}

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

func (s *scope) findAssigned(list *parse.ListNode) {
	branch := func(b *parse.BranchNode) {
		s.noteAssigned(b.Pipe)
		s.findAssigned(b.List)
		s.findAssigned(b.ElseList)
	}
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			s.noteAssigned(n.Pipe)
		case *parse.TemplateNode:
			s.noteAssigned(n.Pipe)
		case *parse.IfNode:
			branch(&n.BranchNode)
		case *parse.WithNode:
			branch(&n.BranchNode)
		case *parse.RangeNode:
			branch(&n.BranchNode)
		}
	}
}

func (s *scope) noteAssigned(pipe *parse.PipeNode) {
	if pipe == nil || !pipe.IsAssign {
		return
	}
	for _, v := range pipe.Decl {
		s.assigned[v.Ident[0]] = true
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

// iterated returns what range gives for a type: the element becomes the dot.
func iterated(t reflect.Type, variables int) (key, elem reflect.Type) {
	if t = behind(t); t == nil {
		return nil, nil
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Chan:
		return reflect.TypeFor[int](), known(t.Elem())
	case reflect.Map:
		return known(t.Key()), known(t.Elem())
	case reflect.Func:
		if t.CanSeq() {
			return nil, known(t.In(0).In(0))
		}
		if t.CanSeq2() && variables > 1 {
			return known(t.In(0).In(0)), known(t.In(0).In(1))
		}
		if t.CanSeq2() {
			return nil, known(t.In(0).In(0))
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return nil, t
	}
	return nil, nil
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
	if near := nearest(name, names); near != "" {
		fix = fmt.Sprintf("is %s meant? Else add it to the type", near)
	}
	if len(names) > 0 && len(names) <= 20 {
		fix += ", which has " + strings.Join(names, ", ")
	}
	s.faults = append(s.faults, faultAt(n, s.tree, fmt.Sprintf("{{%s}}: %s %s %s", n, t, problem, name), fix))
	return nil
}

// fieldNames are the fields and methods that a template can use.
func fieldNames(t reflect.Type) (names []string) {
	if t.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(t) {
			if f.IsExported() {
				names = append(names, f.Name)
			}
		}
	}
	for m := range reflect.PointerTo(t).Methods() {
		names = append(names, m.Name)
	}
	return names
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

func indexed(args []reflect.Type) reflect.Type {
	if len(args) == 0 {
		return nil
	}
	t := args[0]
	for range args[1:] {
		if t = behind(t); t == nil {
			return nil
		}
		switch t.Kind() {
		case reflect.Slice, reflect.Array, reflect.Map:
			t = known(t.Elem())
		default:
			return nil
		}
	}
	return t
}

func firstResult(function reflect.Type) reflect.Type {
	if function.Kind() != reflect.Func || function.NumOut() == 0 {
		return nil
	}
	return known(function.Out(0))
}

// known returns nil for a type whose values are of another type, which only the execution shows.
func known(t reflect.Type) reflect.Type {
	if behind(t) == nil {
		return nil
	}
	return t
}

// behind returns the type that pointers lead to, as text/template follows them, or nil if that is an interface.
func behind(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() == reflect.Interface || t == reflect.TypeFor[reflect.Value]() {
		return nil
	}
	return t
}
