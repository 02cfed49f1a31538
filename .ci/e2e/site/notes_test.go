package site

// The example's page is one of the site's.
func init() { pages = append(pages, "/notes") }
