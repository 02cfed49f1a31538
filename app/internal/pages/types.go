package pages

import (
	"reflect"
)

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

// known returns nil for an interface type, because the type of its value is known only when the template runs.
func known(t reflect.Type) reflect.Type {
	if behind(t) == nil {
		return nil
	}
	return t
}

// behind follows pointers as text/template does, and returns the type at the end, or nil for an interface.
func behind(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() == reflect.Interface || t == reflect.TypeFor[reflect.Value]() {
		return nil
	}
	return t
}
