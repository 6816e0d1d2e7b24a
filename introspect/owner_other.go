//go:build !unix

package introspect

import "io/fs"

// ownedByUs trusts the folder for temporary files, which other systems have for each user.
func ownedByUs(fs.FileInfo) bool { return true }
