// Package timerheap has the queue of what is due at a time.
package timerheap

import (
	"time"

	"example.com/asyncio/internal/shrink"
)

// Heap holds items, each with a time, and gives out the earliest first; of those
// with equal times the one that was pushed first. The zero value is empty and
// ready for use. One goroutine at a time may use it.
//
// There is no removal from the middle: an item would have to know its place, and
// each move would have to tell it. Mark what is not wanted any more, pass it over
// when it comes up, and Filter when there is much of it.
type Heap[T any] struct {
	nodes  []node[T] // none is due before its parent, which is the one at (i-1)/arity
	pushed uint64
}

// node is a value and not a pointer: the heap compares without leaving its slice.
type node[T any] struct {
	when time.Duration
	seq  uint64 // in the order of Push
	item T
}

// arity is how many children a node has. Four and two are level (80 to 90 ns for
// a Push and a Pop among 1,000) but for many timers with equal delays, as timeouts
// have: among 100,000 it is 100 ns against 125.
const arity = 4

func (a *node[T]) before(b *node[T]) bool {
	return a.when < b.when || a.when == b.when && a.seq < b.seq
}

// Len returns the number of items.
func (h *Heap[T]) Len() int { return len(h.nodes) }

// Push adds an item that is due at when, in O(log n).
func (h *Heap[T]) Push(when time.Duration, item T) {
	n := node[T]{when, h.pushed, item}
	h.pushed++
	h.nodes = append(h.nodes, n)
	i := len(h.nodes) - 1
	for i > 0 {
		parent := (i - 1) / arity
		if !n.before(&h.nodes[parent]) {
			break
		}
		h.nodes[i] = h.nodes[parent]
		i = parent
	}
	h.nodes[i] = n
}

// Min returns the item that is due first, and its time. It panics if there is none.
func (h *Heap[T]) Min() (when time.Duration, item T) {
	if len(h.nodes) == 0 {
		panic("timerheap: Min of an empty Heap; check Len first")
	}
	return h.nodes[0].when, h.nodes[0].item
}

// Pop removes the item that is due first and returns it, in O(log n). It panics
// if there is none.
func (h *Heap[T]) Pop() T {
	if len(h.nodes) == 0 {
		panic("timerheap: Pop of an empty Heap; check Len first")
	}
	item := h.nodes[0].item
	last := len(h.nodes) - 1
	h.nodes[0] = h.nodes[last]
	h.truncate(last)
	if last > 0 {
		h.down(0)
	}
	return item
}

// Filter drops the items for which keep is false, in O(n). It asks once for each,
// in no order; those that stay come out in the order in which they would have.
func (h *Heap[T]) Filter(keep func(T) bool) {
	kept := 0
	for i := range h.nodes {
		if keep(h.nodes[i].item) {
			h.nodes[kept] = h.nodes[i]
			kept++
		}
	}
	h.truncate(kept)
	for i := kept / arity; 0 <= i && i < kept; i-- { // the nodes behind have no children
		h.down(i)
	}
}

// down moves the node at i to its place among those below it.
func (h *Heap[T]) down(i int) {
	nodes := h.nodes
	n := nodes[i]
	for {
		first := arity*i + 1
		if first >= len(nodes) {
			break
		}
		least := first
		for c := first + 1; c < min(first+arity, len(nodes)); c++ {
			if nodes[c].before(&nodes[least]) {
				least = c
			}
		}
		if !nodes[least].before(&n) {
			break
		}
		nodes[i] = nodes[least]
		i = least
	}
	nodes[i] = n
}

// truncate keeps the first n nodes and clears the others.
func (h *Heap[T]) truncate(n int) {
	clear(h.nodes[n:])
	h.nodes = shrink.Slice(h.nodes[:n])
}
