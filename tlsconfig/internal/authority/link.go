package authority

import (
	"strings"
)

// link returns the target of the first Link header (RFC 8288) with one of the relations.
func (a answer) link(relations ...string) string {
	for _, relation := range relations {
		for _, header := range a.response.Header.Values("Link") {
			for header != "" {
				var target, params string
				if _, header, _ = strings.Cut(header, "<"); header == "" {
					break
				}
				target, header, _ = strings.Cut(header, ">")
				params, header, _ = strings.Cut(header, ",")
				if hasRelation(params, relation) {
					return a.resolve(target)
				}
			}
		}
	}
	return ""
}

// hasRelation reports whether the parameters of a link, such as ;rel="terms-of-service";title="…", have a relation.
func hasRelation(params, relation string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for one := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(one, relation) {
				return true
			}
		}
	}
	return false
}

// resolve returns the absolute web address of a reference. It is empty for anything that a browser should not open.
func (a answer) resolve(reference string) string {
	if reference == "" || len(reference) > 2000 {
		return ""
	}
	u, err := a.request.URL.Parse(reference)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return u.String()
}
