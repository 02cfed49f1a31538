// Package devlink is the protocol between `make dev` (scripts/dev) and the server that it starts: lines of JSON, and
// with them open ports. scripts/dev holds a Parent, and the server holds the Child on its standard input. On Windows
// there are no ports and no lines from the server.
//
// It keeps no state and decides nothing. It imports no other package of this project, so that scripts/dev and
// app/internal/dev can share it.
package devlink

// Order is one line from scripts/dev to the server. One of its fields is set.
type Order struct {
	Hello   *Hello   `json:"hello,omitempty"`   // the first line, and only that
	Changed []string `json:"changed,omitempty"` // files of web that were edited, with slashes
	Problem *Problem `json:"problem,omitempty"` // the zero value: it is solved
	Begin   bool     `json:"begin,omitempty"`   // no earlier process runs any more: jobs may begin; sent once
	Stop    bool     `json:"stop,omitempty"`    // another process serves now
}

// Hello is what a new server needs to know.
type Hello struct {
	Again bool `json:"again"` // another process serves, or has served, before this one

	// Addresses are the settings from which the passed sockets were opened, by the port's name.
	Addresses map[string]string `json:"addresses"`
}

// Problem is why an edit does not show in the browser. The zero value means that it does.
type Problem struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// Report is one line from the server to scripts/dev.
type Report struct {
	Ready     bool              `json:"ready,omitempty"`     // the server accepts connections
	Sockets   []string          `json:"sockets,omitempty"`   // the port's name for each socket that comes with this line
	Addresses map[string]string `json:"addresses,omitempty"` // settings from which they were opened
	Failed    string            `json:"failed,omitempty"`    // why the server does not start
}
