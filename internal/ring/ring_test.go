package ring

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"example.com/asyncio/internal/shrink"
)

// verify checks the invariants of a buffer.
func verify(t *testing.T, b *Buffer[*int]) {
	t.Helper()
	n := len(b.slots)
	if n&(n-1) != 0 || b.len < 0 || b.len > n || n > shrink.Roomy && b.len < b.low {
		t.Fatalf("len = %d and low = %d with %d slots", b.len, b.low, n)
	}
	for i := b.len; i < n; i++ {
		if b.slots[(b.head+i)&(n-1)] != nil {
			t.Fatalf("free slot %d after the last entry is not cleared", i-b.len)
		}
	}
}

func TestRandomOperationsMatchASlice(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			var b Buffer[*int]
			var model []*int
			for range 200 {
				pushes, pops := random.IntN(100), random.IntN(100)
				if random.IntN(20) == 0 {
					pushes = 2000
				}
				if random.IntN(20) == 0 {
					pops = 2000
				}
				for range pushes {
					v := new(int)
					b.Push(v)
					model = append(model, v)
				}
				verify(t, &b)
				for range min(pops, len(model)) {
					if got := b.Pop(); got != model[0] {
						t.Fatalf("Pop = %p, want %p", got, model[0])
					}
					model = model[1:]
				}
				verify(t, &b)
				for i, want := range model {
					if got := b.At(i); got != want {
						t.Fatalf("At(%d) = %p, want %p", i, got, want)
					}
				}
				for range min(random.IntN(10), len(model)) {
					i := random.IntN(len(model))
					if got := b.Take(i); got != model[i] {
						t.Fatalf("Take(%d) = %p, want %p", i, got, model[i])
					}
					model = slices.Delete(model, i, i+1)
				}
				verify(t, &b)
				if random.IntN(50) == 0 {
					b.Clear()
					model = nil
				}
				if b.Len() != len(model) {
					t.Fatalf("Len = %d, want %d", b.Len(), len(model))
				}
			}
		})
	}
}

func TestPopOfAnEmptyBufferPanics(t *testing.T) {
	var used Buffer[int]
	used.Push(1)
	used.Pop()
	for _, b := range []*Buffer[int]{{}, &used} {
		func() {
			defer func() {
				if got, want := recover(), "ring: Pop of an empty Buffer; check Len first"; got != want {
					t.Errorf("Pop panicked with %v, want %q", got, want)
				}
			}()
			b.Pop()
		}()
	}
}

func TestIndexOutOfRangePanics(t *testing.T) {
	var b Buffer[int]
	b.Push(1)
	for what, f := range map[string]func(int) int{"At": b.At, "Take": b.Take} {
		for _, i := range []int{-1, 1} {
			func() {
				defer func() {
					if got, want := recover(), fmt.Sprintf("ring: %s(%d) of a Buffer with length 1", what, i); got != want {
						t.Errorf("the panic is %v, want %q", got, want)
					}
				}()
				f(i)
			}()
		}
	}
}

// The number of slots follows the number of entries down to zero.
func TestBufferShrinks(t *testing.T) {
	var b Buffer[*int]
	for range 1_000_000 {
		b.Push(nil)
	}
	for b.Len() > 0 {
		b.Pop()
		if slots := len(b.slots); slots > shrink.Roomy && slots > 8*b.Len()+8 {
			t.Fatalf("%d slots hold %d entries", slots, b.Len())
		}
	}
	if slots := len(b.slots); slots > shrink.Roomy {
		t.Errorf("an empty buffer has %d slots, want at most %d", slots, shrink.Roomy)
	}
	b.Push(nil)
	b.Clear()
	if b.Len() != 0 || b.slots != nil {
		t.Errorf("after Clear %d entries and %d slots, want 0", b.Len(), len(b.slots))
	}
}

// Resizes are rare, whatever the length around which the buffer grows and shrinks.
func TestResizesAreAmortized(t *testing.T) {
	for _, length := range []int{shrink.Roomy / 8, shrink.Roomy, 2*shrink.Roomy + 1, 4096/8 - 1, 4096 / 8, 4096, 4097} {
		for _, swing := range []int{1, 10, length} {
			var b Buffer[int]
			for range length {
				b.Push(0)
			}
			const rounds = 10_000
			moved, slots := 0, len(b.slots)
			note := func() {
				if len(b.slots) != slots {
					slots = len(b.slots)
					moved += slots
				}
			}
			for range rounds / swing {
				for range swing {
					b.Push(0)
					note()
				}
				for range swing {
					b.Pop()
					note()
				}
			}
			if calls := 2 * rounds; moved > 4*calls {
				t.Errorf("%d calls around length %d allocate %d slots, want at most %d", calls, length, moved, 4*calls)
			}
		}
	}
}

func TestSteadyBufferAllocatesNothing(t *testing.T) {
	for _, length := range []int{1, shrink.Roomy, 10_000} {
		var b Buffer[int]
		for range length {
			b.Push(0)
		}
		if allocs := testing.AllocsPerRun(100, func() { b.Push(0); b.Pop() }); allocs != 0 {
			t.Errorf("Push and Pop of a buffer with %d entries: %v allocations, want 0", length, allocs)
		}
	}
	var b Buffer[int]
	burst := func() {
		for range shrink.Roomy {
			b.Push(0)
		}
		for range shrink.Roomy {
			b.Pop()
		}
	}
	if allocs := testing.AllocsPerRun(100, burst); allocs != 0 {
		t.Errorf("a short burst: %v allocations, want 0", allocs)
	}
}

func TestPoppedEntryIsCollected(t *testing.T) {
	var b Buffer[*[64]byte]
	collected := make(chan bool, 1)
	func() {
		v := new([64]byte)
		runtime.AddCleanup(v, func(struct{}) { collected <- true }, struct{}{})
		b.Push(v)
	}()
	b.Pop()
	runtime.GC()
	<-collected
	runtime.KeepAlive(&b)
}

func BenchmarkBuffer(bench *testing.B) {
	type entry [2]*int // as large as an entry of the loop's ready queue
	for _, length := range []int{1, 100, 10_000} {
		bench.Run(fmt.Sprint("steady ", length), func(bench *testing.B) {
			var b Buffer[entry]
			for range length {
				b.Push(entry{})
			}
			for bench.Loop() {
				b.Push(entry{})
				b.Pop()
			}
		})
		bench.Run(fmt.Sprint("burst ", length), func(bench *testing.B) {
			var b Buffer[entry]
			for bench.Loop() {
				for range length {
					b.Push(entry{})
				}
				for range length {
					b.Pop()
				}
			}
			bench.ReportMetric(float64(bench.Elapsed().Nanoseconds())/float64(bench.N*length), "ns/entry")
		})
	}
}
