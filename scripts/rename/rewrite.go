package main

import (
	"bytes"
	"cmp"
	"go/format"
	"path"
	"regexp"
	"slices"
	"strings"
)

// rewriter changes module paths and the template's name in texts.
type rewriter struct {
	to     string
	names  names
	find   *regexp.Regexp // a group for each kept phrase, then: a module path, what is new already, the name
	groups int
}

// result is what became of one text.
type result struct {
	text   []byte
	places int            // changed
	kept   map[string]int // places that keep the template's name, by reason
	left   int            // places that would have changed if words did
}

func newRewriter(to string, from ...string) *rewriter {
	r := &rewriter{to: to, names: namesOf(to)}
	word := path.Base(template)
	var groups []string
	for _, k := range keptPhrases {
		groups = append(groups, k.pattern)
	}
	groups = append(groups, alternatives(append([]string{to}, from...)))

	// A new name that has the template's in it would else grow with each run.
	grown := []string{to}
	for _, n := range append(r.names.all(), strings.Split(to, "/")...) {
		if lower := strings.ToLower(n); lower != word && strings.Contains(lower, word) {
			grown = append(grown, n)
		}
	}
	for parent := path.Dir(to); strings.Contains(parent, "/"); parent = path.Dir(parent) {
		grown = append(grown, parent)
	}
	groups = append(groups, alternatives(grown), "(?i:"+word+")")
	r.find, r.groups = regexp.MustCompile("("+strings.Join(groups, ")|(")+")"), len(groups)
	return r
}

// alternatives is a pattern for any of texts, the longest first: one may begin as another does.
func alternatives(texts []string) string {
	slices.SortFunc(texts, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = regexp.QuoteMeta(t)
	}
	return strings.Join(quoted, "|")
}

// rewrite changes the text of a file. Without words only module paths are changed, where Go reads them.
func (r *rewriter) rewrite(file string, text []byte, words bool) result {
	out := result{kept: map[string]int{}}
	why := reason(file)
	marks := goMarks(file, text)
	var b bytes.Buffer
	done := 0
	for _, m := range r.find.FindAllSubmatchIndex(text, -1) {
		start, end := m[0], m[1]
		group := 0
		for m[2+2*group] < 0 {
			group++
		}
		match, replacement := string(text[start:end]), ""
		before, after, second := at(text, start-1), at(text, end), at(text, end+1)
		switch {
		case group < len(keptPhrases):
			out.kept[keptPhrases[group].why]++
		case group == r.groups-3 && match != r.to && bounded(before, after, second):
			mention := why == "" && strings.Contains(match, "/") // a path of one element could be any word
			switch {
			case at(marks, start) == inImport, path.Base(file) == "go.mod", mention && words:
				replacement = r.to
			case mention:
				out.left++
			}
		case group != r.groups-1, at(marks, start) == inImport: // new already; another module's name
		case why != "":
			out.kept[why]++
		default:
			replacement = r.names.instead(match, before, after, at(marks, start) == inIdentifier)
			if !words && replacement != match {
				out.left++
				replacement = ""
			}
		}
		if replacement == "" || replacement == match {
			continue
		}
		out.places++
		b.Write(text[done:start])
		b.WriteString(replacement)
		done = end
	}
	b.Write(text[done:])
	out.text = b.Bytes()
	if out.places > 0 && strings.HasSuffix(file, ".go") {
		out.text = formatted(text, out.text)
	}
	return out
}

// at is s[i], or zero outside.
func at[T any](s []T, i int) (v T) {
	if i >= 0 && i < len(s) {
		v = s[i]
	}
	return v
}

// bounded says whether a module path ends and begins between its neighbours.
func bounded(before, after, second byte) bool {
	joins := func(c byte) bool { return wordByte(c) || c == '-' || c == '~' }
	return !joins(before) && before != '/' && before != '.' && !joins(after) && (after != '.' || !wordByte(second))
}

// formatted is after as gofmt would have it, which may sort imports anew, if before was so. Lines end as before.
func formatted(before, after []byte) []byte {
	lf, crlf := []byte("\n"), []byte("\r\n")
	windows := bytes.Count(before, crlf) == bytes.Count(before, lf)
	if windows {
		before, after = bytes.ReplaceAll(before, crlf, lf), bytes.ReplaceAll(after, crlf, lf)
	}
	if was, err := format.Source(before); err == nil && bytes.Equal(was, before) {
		if is, err := format.Source(after); err == nil {
			after = is
		}
	}
	if windows {
		after = bytes.ReplaceAll(after, lf, crlf)
	}
	return after
}
