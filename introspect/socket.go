package introspect

// A Process is a loop that serves, as it is found in the runtime folder.
type Process struct {
	Name string // what [Dial] takes: 4711, or 4711.2 for the second loop of that process
	PID  int
	Path string // of its socket
}
