package handlers

// Notes registers the routes of the notes alone.
var Notes = notes
