package timerheap

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"example.com/asyncio/internal/shrink"
)

// verify checks the invariants of a heap.
func verify(t *testing.T, h *Heap[*timer]) {
	t.Helper()
	for i := 1; i < len(h.nodes); i++ {
		if parent := (i - 1) / arity; !h.nodes[parent].before(&h.nodes[i]) {
			t.Fatalf("node %d of %d is due before its parent", i, len(h.nodes))
		}
	}
	for i, n := range h.nodes[len(h.nodes):cap(h.nodes)] {
		if n.item != nil {
			t.Fatalf("free slot %d is not cleared", len(h.nodes)+i)
		}
	}
	if size := cap(h.nodes); size > 2*shrink.Roomy && size > 16*len(h.nodes)+16 {
		t.Fatalf("%d nodes have capacity %d", len(h.nodes), size)
	}
}

type timer struct {
	when time.Duration
	id   int
}

// model is the reference implementation: a sorted slice.
type model []*timer

func (m *model) push(t *timer) {
	*m = append(*m, t)
	slices.SortStableFunc(*m, func(a, b *timer) int { return cmp.Compare(a.when, b.when) })
}

func (m *model) pop() *timer {
	t := (*m)[0]
	*m = (*m)[1:]
	return t
}

func (m *model) filter(keep func(*timer) bool) {
	*m = slices.DeleteFunc(*m, func(t *timer) bool { return !keep(t) })
}

func TestRandomOperationsMatchASortedSlice(t *testing.T) {
	for seed := range uint64(50) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			times := []int64{1, 5, 1000}[seed%3] // the number of different times: if low, many are equal
			var h Heap[*timer]
			var m model
			for id := range 1000 {
				switch op := random.IntN(100); {
				case op < 60:
					item := &timer{time.Duration(random.Int64N(times)), id}
					h.Push(item.when, item)
					m.push(item)
				case op < 98 && len(m) > 0:
					when, item := h.Min()
					want := m.pop()
					if got := h.Pop(); item != want || got != want || when != want.when {
						t.Fatalf("Min = %v, %v and Pop = %v, want %v", when, item, got, want)
					}
				case op >= 98:
					part := random.IntN(5)
					asked := map[*timer]int{}
					h.Filter(func(item *timer) bool { asked[item]++; return item.id%4 < part })
					for _, item := range m {
						if asked[item] != 1 || len(asked) != len(m) {
							t.Fatalf("Filter calls keep %d times for %v, want once", asked[item], item)
						}
					}
					m.filter(func(item *timer) bool { return item.id%4 < part })
				}
				verify(t, &h)
				if h.Len() != len(m) {
					t.Fatalf("Len = %d, want %d", h.Len(), len(m))
				}
			}
			for len(m) > 0 {
				if got, want := h.Pop(), m.pop(); got != want {
					t.Fatalf("Pop = %v, want %v", got, want)
				}
				verify(t, &h)
			}
		})
	}
}

// All lengths up to three full levels, filtered to all smaller lengths.
func TestFilterKeepsTheOrder(t *testing.T) {
	for length := range 1 + arity + arity*arity + 1 {
		for kept := range length + 1 {
			var h Heap[*timer]
			for id := range length {
				h.Push(0, &timer{id: id})
			}
			h.Filter(func(item *timer) bool { return item.id >= length-kept })
			verify(t, &h)
			for id := length - kept; id < length; id++ {
				if got := h.Pop().id; got != id {
					t.Fatalf("Filter kept %d of %d: Pop = %d, want %d", kept, length, got, id)
				}
			}
		}
	}
}

func TestMinAndPopOfAnEmptyHeapPanic(t *testing.T) {
	for name, call := range map[string]func(*Heap[int]){
		"Min": func(h *Heap[int]) { h.Min() },
		"Pop": func(h *Heap[int]) { h.Pop() },
	} {
		var used Heap[int]
		used.Push(1, 1)
		used.Pop()
		for _, h := range []*Heap[int]{{}, &used} {
			func() {
				defer func() {
					if got, want := recover(), "timerheap: "+name+" of an empty Heap; check Len first"; got != want {
						t.Errorf("%s panicked with %v, want %q", name, got, want)
					}
				}()
				call(h)
			}()
		}
	}
}

func TestHeapShrinks(t *testing.T) {
	fill := func(h *Heap[*timer]) {
		for range 100_000 {
			h.Push(0, nil)
		}
	}
	var popped, filtered Heap[*timer]
	fill(&popped)
	for popped.Len() > 1 {
		popped.Pop()
		if size := cap(popped.nodes); size > shrink.Roomy && size > 8*popped.Len()+8 {
			t.Fatalf("%d nodes have capacity %d", popped.Len(), size)
		}
	}
	fill(&filtered)
	filtered.Filter(func(*timer) bool { return false })
	for range 10 { // each Pop shrinks the heap to a quarter
		filtered.Push(0, nil)
		filtered.Pop()
	}
	if size := cap(filtered.nodes); size > shrink.Roomy {
		t.Errorf("an empty heap has capacity %d, want at most %d", size, shrink.Roomy)
	}
}

func TestSteadyHeapAllocatesNothing(t *testing.T) {
	for _, length := range []int{1, 10_000} {
		var h Heap[*timer]
		for range length {
			h.Push(0, nil)
		}
		if allocs := testing.AllocsPerRun(100, func() { h.Push(0, nil); h.Pop() }); allocs != 0 {
			t.Errorf("Push and Pop of a heap with %d items: %v allocations, want 0", length, allocs)
		}
	}
}

// BenchmarkHeap pops the first timer and pushes one that is due after it, by a random
// delay or by a constant.
func BenchmarkHeap(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	delays := make([]time.Duration, 1<<16)
	for i := range delays {
		delays[i] = time.Duration(random.Int64N(int64(time.Minute)))
	}
	for _, length := range []int{10, 1000, 100_000} {
		for _, mode := range []string{"random", "equal"} {
			b.Run(fmt.Sprint(mode, " ", length), func(b *testing.B) {
				delay := func(i int) time.Duration { return delays[i%len(delays)] }
				if mode == "equal" {
					delay = func(int) time.Duration { return time.Minute }
				}
				var h Heap[*int]
				for i := range length {
					h.Push(delay(i), nil)
				}
				i := 0
				for b.Loop() {
					now, _ := h.Min()
					h.Pop()
					h.Push(now+delay(i), nil)
					i++
				}
			})
		}
	}
}
