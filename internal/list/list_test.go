package list_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"example.com/asyncio/internal/list"
)

type item struct {
	id    int
	links list.Links[item]
}

// verify compares a list with a slice, in both directions.
func verify(t *testing.T, l *list.List[item], want []*item) {
	t.Helper()
	if l.Len() != len(want) {
		t.Fatalf("Len() = %d, want %d", l.Len(), len(want))
	}
	if got := slices.Collect(l.All()); !slices.Equal(got, want) {
		t.Fatalf("All() = %v, want %v", got, want)
	}
	at := func(i int) *item {
		if i < 0 || i >= len(want) {
			return nil
		}
		return want[i]
	}
	if got := l.Front(); got != at(0) {
		t.Fatalf("Front() = %v, want %v", got, at(0))
	}
	for i, x := range want {
		if prev, next := x.links.Prev(), x.links.Next(); prev != at(i-1) || next != at(i+1) || !x.links.Linked() {
			t.Fatalf("item %d: Prev() = %v, Next() = %v, Linked() = %v, want %v, %v, true",
				i, prev, next, x.links.Linked(), at(i-1), at(i+1))
		}
	}
}

func TestRandomOperationsMatchASlice(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		var l list.List[item]
		var model []*item
		verify(t, &l, model)
		items := make([]item, 10)
		for range 1000 {
			x := &items[random.IntN(len(items))]
			switch i := slices.Index(model, x); {
			case i >= 0:
				l.Remove(&x.links)
				model = slices.Delete(model, i, i+1)
			case random.IntN(3) == 0:
				l.PushFront(x, &x.links)
				model = slices.Insert(model, 0, x)
			case random.IntN(3) > 0:
				l.PushBack(x, &x.links)
				model = append(model, x)
			default:
				l.Remove(&x.links) // in no list
				if x.links.Linked() || x.links.Next() != nil || x.links.Prev() != nil {
					t.Fatalf("a removed item has links: %+v", x.links)
				}
			}
			verify(t, &l, model)
		}
	}
}

func TestAllToleratesRemovalOfTheCurrentItem(t *testing.T) {
	var l, other list.List[item]
	items := make([]item, 10)
	for i := range items {
		items[i].id = i
		l.PushBack(&items[i], &items[i].links)
	}
	var seen []int
	for x := range l.All() {
		seen = append(seen, x.id)
		l.Remove(&x.links)
		other.PushBack(x, &x.links)
	}
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(seen, want) || l.Len() != 0 || other.Len() != 10 {
		t.Errorf("All() yields %v, want %v; %d items left, want 0", seen, want, l.Len())
	}
	for x := range other.All() {
		if x.id == 3 {
			break
		}
		other.Remove(&x.links)
	}
	if other.Len() != 7 || other.Front().id != 3 {
		t.Errorf("after a break at item 3: %d items, the first is %d, want 7 and 3", other.Len(), other.Front().id)
	}
}

func TestMisusePanics(t *testing.T) {
	var l, other list.List[item]
	var x item
	l.PushBack(&x, &x.links)
	const twice = "list: Push of an item that is already in a list; call Remove first"
	for name, test := range map[string]struct {
		call func()
		want string
	}{
		"PushBack twice":     {func() { l.PushBack(&x, &x.links) }, twice},
		"PushFront twice":    {func() { l.PushFront(&x, &x.links) }, twice},
		"PushBack elsewhere": {func() { other.PushBack(&x, &x.links) }, twice},
		"Remove elsewhere":   {func() { other.Remove(&x.links) }, "list: Remove of an item that is in another list"},
	} {
		func() {
			defer func() {
				if got := recover(); got != test.want {
					t.Errorf("%s panics with %v, want %q", name, got, test.want)
				}
			}()
			test.call()
		}()
	}
	verify(t, &l, []*item{&x})
	verify(t, &other, nil)
}

func TestListAllocatesNothing(t *testing.T) {
	var l list.List[item]
	var x item
	if allocs := testing.AllocsPerRun(100, func() { l.PushBack(&x, &x.links); l.Remove(&x.links) }); allocs != 0 {
		t.Errorf("PushBack and Remove: %v allocations, want 0", allocs)
	}
}

// A byHand is a list written by hand for one type.
type byHand struct {
	first, last *byHandItem
	len         int
}

type byHandItem struct {
	_          int // as item.id
	prev, next *byHandItem
	linked     bool
}

func (l *byHand) pushBack(x *byHandItem) {
	if x.linked {
		panic("in the list already")
	}
	x.linked = true
	if x.prev = l.last; x.prev != nil {
		x.prev.next = x
	} else {
		l.first = x
	}
	l.last = x
	l.len++
}

func (l *byHand) remove(x *byHandItem) {
	if !x.linked {
		return
	}
	x.linked = false
	if x.prev != nil {
		x.prev.next = x.next
	} else {
		l.first = x.next
	}
	if x.next != nil {
		x.next.prev = x.prev
	} else {
		l.last = x.prev
	}
	x.prev, x.next = nil, nil
	l.len--
}

// BenchmarkPushBackRemove moves items of a list to its end, in turn.
func BenchmarkPushBackRemove(b *testing.B) {
	for _, length := range []int{1, 8, 1024} {
		b.Run(fmt.Sprintf("list/%d", length), func(b *testing.B) {
			var l list.List[item]
			items := make([]item, length)
			for i := range items {
				l.PushBack(&items[i], &items[i].links)
			}
			for i := 0; b.Loop(); i++ {
				x := &items[i&(length-1)]
				l.Remove(&x.links)
				l.PushBack(x, &x.links)
			}
		})
		b.Run(fmt.Sprintf("by hand/%d", length), func(b *testing.B) {
			var l byHand
			items := make([]byHandItem, length)
			for i := range items {
				l.pushBack(&items[i])
			}
			for i := 0; b.Loop(); i++ {
				x := &items[i&(length-1)]
				l.remove(x)
				l.pushBack(x)
			}
		})
	}
}
