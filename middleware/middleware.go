// Package middleware is what stands between a connection and a handler: one concern a file, each a gin.HandlerFunc.
// The order in which app mounts them matters and is explained there.
//
// Nothing here knows the application: the package can be replaced whole by a newer version of itself.
package middleware
