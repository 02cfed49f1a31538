package site

// The page of the example notes is measured too.
func init() { pages = append(pages, "/notes") }
