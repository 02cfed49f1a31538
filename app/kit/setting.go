package kit

// Setting declares a variable of the site. The environment wins over .env, and .env over Default. It is checked at the
// start, with all other settings. Program.Setting returns its value.
type Setting struct {
	// Name is the variable's name, such as STRIPE_KEY: capital letters, digits and _. A name of the starter's settings
	// is refused.
	Name string

	// About says in a sentence what the setting is for. The usage lists it, and faults of the setting show it.
	About string

	// Default is the value if the variable is not set or empty.
	Default string

	// Required stops the start if the variable is not set or empty, in production and in development.
	Required bool

	// InTests is the value in tests (apptest) that set none, so that a Required setting does not stop them.
	InTests string

	// Secret hides the value in all that the program prints.
	Secret bool

	// Check returns what is wrong with a value, in words for the operator, or nil. It is not called for an empty value.
	// nil: every text is accepted. The error of a Secret is not printed if it contains the value.
	Check func(value string) error
}

// Program is what both the server and a command offer. Its methods are safe for concurrent use.
type Program interface {
	// Setting returns the value of a setting that Site.Settings declares, without the space around it. For one of the
	// starter's settings it returns what was written, or "" if it is not set. It panics for any other name. In Routes,
	// the panic stops the start.
	Setting(name string) string

	// DataDir returns the folder for the site's own files, such as a database and uploads: DATA_DIR. It makes the folder,
	// for this user alone (0700). It returns an error if other users may write to it.
	DataDir() (string, error)

	// Production reports whether ENV is prod.
	Production() bool
}
