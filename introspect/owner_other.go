//go:build !unix

package introspect

import "io/fs"

// ownedByUs always returns true: on other systems each user has a folder for temporary
// files.
func ownedByUs(fs.FileInfo) bool { return true }
