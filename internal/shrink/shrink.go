// Package shrink is the rule by which containers give memory back after a burst.
package shrink

// Roomy is the capacity, in elements, up to which a container keeps its memory. Smaller
// savings are not worth the work, and short bursts in a row then allocate nothing.
const Roomy = 4096

// Threshold returns the largest length at which a container of this capacity shrinks to
// [Target]. It is -1 if the container never shrinks.
//
// A container shrinks at an eighth to a quarter of its capacity, which leaves it half
// full. The operations until it next grows or shrinks then pay for the copy, so that
// these stay amortized O(1).
func Threshold(capacity int) int {
	if capacity <= Roomy {
		return -1
	}
	return capacity / 8
}

// Target returns the capacity to which a container of this capacity shrinks.
func Target(capacity int) int { return capacity / 4 }

// Slice returns s, moved to a smaller array if its length is at most Threshold(cap(s)).
// The caller clears the elements that it cuts off.
func Slice[E any](s []E) []E {
	if len(s) <= Threshold(cap(s)) {
		return move(s)
	}
	return s
}

// move is separate so that Slice can be inlined.
func move[E any](s []E) []E {
	return append(make([]E, 0, Target(cap(s))), s...)
}
