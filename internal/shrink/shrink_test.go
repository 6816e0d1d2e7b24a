package shrink_test

import (
	"slices"
	"testing"

	"example.com/asyncio/internal/shrink"
)

func TestSliceShrinksAtAnEighthToAQuarter(t *testing.T) {
	for _, test := range []struct{ len, cap, want int }{
		{0, 0, 0},
		{0, 1, 1},
		{0, shrink.Roomy, shrink.Roomy},
		{shrink.Roomy/8 + 1, shrink.Roomy + 1, shrink.Roomy + 1},
		{shrink.Roomy / 8, shrink.Roomy + 1, shrink.Roomy / 4},
		{1001, 8000, 8000},
		{1000, 8000, 2000},
		{0, 1 << 20, 1 << 18},
	} {
		s := make([]int, test.len, test.cap)
		for i := range s {
			s[i] = i
		}
		got := shrink.Slice(s)
		if !slices.Equal(got, s) || cap(got) != test.want {
			t.Errorf("Slice of %d of %d elements has %d of %d, want %d of %d",
				test.len, test.cap, len(got), cap(got), test.len, test.want)
		}
	}
}

func TestASliceShrinksByStepsUntilItIsRoomy(t *testing.T) {
	s, moves := make([]int, 1<<20), 0
	for len(s) > 0 {
		before := cap(s)
		s = shrink.Slice(s[:len(s)-1])
		if cap(s) != before {
			moves++
			if len(s) != cap(s)/2 {
				t.Errorf("%d of %d elements after a move, want half", len(s), cap(s))
			}
		}
	}
	if cap(s) > shrink.Roomy || moves != 4 {
		t.Errorf("capacity %d after %d moves, want at most %d after 4", cap(s), moves, shrink.Roomy)
	}
}

func TestThresholdLeavesSmallContainersAlone(t *testing.T) {
	for capacity, want := range map[int]int{0: -1, 1: -1, shrink.Roomy: -1, shrink.Roomy + 8: shrink.Roomy/8 + 1} {
		if got := shrink.Threshold(capacity); got != want {
			t.Errorf("Threshold(%d) = %d, want %d", capacity, got, want)
		}
	}
}
