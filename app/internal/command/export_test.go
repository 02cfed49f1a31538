package command

// The tests of the whole site (package command_test) share these names with the tests of this package.
var (
	Prod       = prod
	With       = with
	LookupIn   = lookupIn
	HandlerOf  = handlerOf
	Typed      = typed
	Project    = project
	OwnPorts   = ownPorts
	Eventually = eventually
	Refused    = refused
)

type SyncBuffer = syncBuffer
