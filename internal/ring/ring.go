// Package ring provides a queue that does not allocate for each entry.
package ring

import (
	"fmt"

	"example.com/asyncio/internal/shrink"
)

// Buffer is a FIFO queue of unlimited length. The zero value is an empty queue. A Buffer
// is not safe for concurrent use.
//
// Push and Pop take amortized O(1) time, 4.5 ns together. Neither is inlined, because the
// call of resize or shrink takes most of the compiler's inlining budget. A slice with
// append at the end and reslicing at the front would keep allocating; a ring of the right
// size does not.
type Buffer[T any] struct {
	slots []T // their number is zero or a power of two, so that & wraps an index
	head  int // index of the oldest entry
	len   int // number of entries
	low   int // Pop calls shrink if len is at most low
}

// smallest is the number of slots that the first Push makes.
const smallest = 8

// Len returns the number of entries.
func (b *Buffer[T]) Len() int { return b.len }

// Push adds an entry at the end.
func (b *Buffer[T]) Push(v T) {
	if b.len == len(b.slots) {
		b.resize(max(smallest, 2*b.len))
	}
	b.slots[(b.head+b.len)&(len(b.slots)-1)] = v
	b.len++
}

// Pop removes and returns the oldest entry. It panics if the buffer is empty.
func (b *Buffer[T]) Pop() (v T) {
	if b.len <= b.low {
		b.shrink()
	}
	slot := &b.slots[b.head]
	v, *slot = *slot, v // the slot must not keep the target of v alive
	b.head = (b.head + 1) & (len(b.slots) - 1)
	b.len--
	return v
}

// At returns the entry at index i; the oldest has index 0. It panics if i is out of
// range.
func (b *Buffer[T]) At(i int) T {
	if i < 0 || i >= b.len {
		panic(fmt.Sprintf("ring: At(%d) of a Buffer with length %d", i, b.len))
	}
	return b.slots[(b.head+i)&(len(b.slots)-1)]
}

// Take removes and returns the entry at index i; Take(0) is Pop. The other entries keep
// their order. It takes O(i) time, and panics if i is out of range.
func (b *Buffer[T]) Take(i int) T {
	if i < 0 || i >= b.len {
		panic(fmt.Sprintf("ring: Take(%d) of a Buffer with length %d", i, b.len))
	}
	mask := len(b.slots) - 1
	v := b.slots[(b.head+i)&mask]
	for ; i > 0; i-- {
		b.slots[(b.head+i)&mask] = b.slots[(b.head+i-1)&mask]
	}
	b.slots[b.head] = v
	return b.Pop()
}

// Clear removes all entries and frees the memory.
func (b *Buffer[T]) Clear() { *b = Buffer[T]{} }

// shrink is the rare part of Pop: the buffer is empty or far too large.
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
