// Package devlink is the wire between `make dev` (scripts/dev) and the server that it starts: lines of JSON, and open ports.
// scripts/dev holds a Parent, and the server the Child on its standard input.
package devlink

// Order is one line from scripts/dev to the server. One of its fields is set.
type Order struct {
	Hello   *Hello   `json:"hello,omitempty"`   // the first line
	Changed []string `json:"changed,omitempty"` // files of web that were edited, with slashes
	Problem *Problem `json:"problem,omitempty"` // without a title: it is over
	Stop    bool     `json:"stop,omitempty"`    // another process serves now
}

// Hello is what a new server needs to know.
type Hello struct {
	Again     bool              `json:"again"`     // another process serves, or has served, before this one
	Addresses map[string]string `json:"addresses"` // settings from which the passed sockets were opened, by the port's name
}

// Problem is why an edit does not show. The zero value says that it does.
type Problem struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// Report is one line from the server to scripts/dev.
type Report struct {
	Ready     bool              `json:"ready,omitempty"`
	Sockets   []string          `json:"sockets,omitempty"`   // names of the ports that come with this line, one for each socket
	Addresses map[string]string `json:"addresses,omitempty"` // settings from which they were opened
	Failed    string            `json:"failed,omitempty"`    // why the server does not start
}
