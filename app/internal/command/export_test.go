package command

// What the tests of the whole site (package command_test) share with those inside.
var (
	Prod      = prod
	With      = with
	LookupIn  = lookupIn
	HandlerOf = handlerOf
	Typed     = typed
	Project   = project
	OwnPorts  = ownPorts
)

type SyncBuffer = syncBuffer
