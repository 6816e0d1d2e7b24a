// Package list provides an intrusive doubly linked list.
package list

import "iter"

// List is a doubly linked list of items of type *T. It allocates nothing: each item holds
// its own [Links]. The zero value is an empty list. A List must not be copied after its
// first use, and is not safe for concurrent use.
//
// The methods that need an item's Links take their address as an argument. With a type
// constraint that returns it, each access is a call that Go cannot inline, and PushBack
// and Remove take 2.5 to 4 times as long.
type List[T any] struct {
	root Links[T] // closes the ring; its item is nil; its links are nil before the first Push
	len  int
}

// Links is the position of one item in a list. An item has one Links for each list that
// it can be in at the same time. The zero value is in no list.
type Links[T any] struct {
	prev, next *Links[T] // neighbours in the ring; nil if in no list
	list       *List[T]  // nil if in no list
	item       *T        // set by the last Push
}

// Linked reports whether the item is in a list.
func (k *Links[T]) Linked() bool { return k.list != nil }

// Next returns the item after this one, or nil if it is the last or in no list.
func (k *Links[T]) Next() *T {
	if k.next == nil {
		return nil
	}
	return k.next.item
}

// Prev returns the item before this one, or nil if it is the first or in no list.
func (k *Links[T]) Prev() *T {
	if k.prev == nil {
		return nil
	}
	return k.prev.item
}

// Len returns the number of items.
func (l *List[T]) Len() int { return l.len }

// PushBack adds item, whose links are k, at the end. It panics if k is in a list.
func (l *List[T]) PushBack(item *T, k *Links[T]) {
	if l.root.next == nil {
		l.root.prev, l.root.next = &l.root, &l.root
	}
	l.insert(item, k, l.root.prev, &l.root)
}

// PushFront adds item, whose links are k, at the front. It panics if k is in a list.
func (l *List[T]) PushFront(item *T, k *Links[T]) {
	if l.root.next == nil {
		l.root.prev, l.root.next = &l.root, &l.root
	}
	l.insert(item, k, &l.root, l.root.next)
}

func (l *List[T]) insert(item *T, k, prev, next *Links[T]) {
	if k.list != nil {
		panic("list: Push of an item that is already in a list; call Remove first")
	}
	k.prev, k.next, k.list, k.item = prev, next, l, item
	prev.next, next.prev = k, k
	l.len++
}

// Remove removes the item whose links are k. It does nothing if the item is in no list,
// and panics if it is in another list.
func (l *List[T]) Remove(k *Links[T]) {
	if k.list != l {
		if k.list == nil {
			return
		}
		panic("list: Remove of an item that is in another list")
	}
	k.prev.next, k.next.prev = k.next, k.prev
	k.prev, k.next, k.list = nil, nil, nil
	l.len--
}

// Front returns the first item, or nil if the list is empty.
func (l *List[T]) Front() *T { return l.root.Next() }

// All returns an iterator over the items from front to back. The loop may remove the
// current item; it must not remove the item after it.
func (l *List[T]) All() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for k := l.root.next; k != nil && k != &l.root; {
			next := k.next
			if !yield(k.item) {
				return
			}
			k = next
		}
	}
}
