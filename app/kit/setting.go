package kit

// Setting declares a variable of the site's own. It is read as the starter's are: from the environment, over .env, over
// Default. It is checked before anything is served, together with all others. Program.Setting returns its value.
type Setting struct {
	// Name is the variable's, such as STRIPE_KEY: capital letters, digits and _. It is none of the starter's names.
	Name string

	// About says in a sentence what the setting is for. The usage lists it, and faults of the setting show it.
	About string

	// Default is the value where the variable is not set, or empty.
	Default string

	// Required stops the start where the variable is not set, or empty, in production and in development.
	Required bool

	// InTests is the value for tests that give none (apptest), or empty: a Required setting then stops none of them.
	InTests string

	// Secret hides the value in all that the program prints.
	Secret bool

	// Check returns what is wrong with a value, in words for the operator, or nil. It is not called for an empty value.
	// nil: every text is accepted. The error of a Secret is not printed if it contains the value.
	Check func(value string) error
}

// Program is what the server and the commands of a site know alike. Its methods are safe for concurrent use.
type Program interface {
	// Setting returns the value of a setting that Site.Settings declares, without the space around it. Of a variable of
	// the starter it returns what was written, and "" where it is not set. It panics for any other name. In Routes, that
	// stops the start.
	Setting(name string) string

	// DataDir returns the folder for the site's own files, such as a database and uploads: DATA_DIR. It makes the folder,
	// for this user alone (0700). It returns an error if other users may write to it.
	DataDir() (string, error)

	// Production reports whether ENV is prod.
	Production() bool
}
