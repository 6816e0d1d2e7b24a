package introspect

import (
	"slices"

	"example.com/asyncio/inspect"
)

// A waitGraph has who waits for whom in a snapshot: for the end of a task, or for a lock that it has.
type waitGraph struct {
	tasks map[uint64]*inspect.TaskInfo
	order []uint64 // of creation
}

func graphOf(s *inspect.Snapshot) *waitGraph {
	g := &waitGraph{tasks: make(map[uint64]*inspect.TaskInfo, len(s.Tasks))}
	for i := range s.Tasks {
		t := &s.Tasks[i]
		g.tasks[t.ID] = t
		g.order = append(g.order, t.ID)
	}
	return g
}

// waitsFor returns for whom a task waits, of those that have not ended; all tells whether it takes every one of them, or
// maybe only one.
func (g *waitGraph) waitsFor(t *inspect.TaskInfo) (ids []uint64, all bool) {
	w := t.Waits
	if w == nil {
		return nil, true
	}
	for _, id := range w.Tasks {
		if g.tasks[id] != nil {
			ids = append(ids, id)
		}
	}
	if g.tasks[w.Holder] != nil {
		ids = append(ids, w.Holder)
	}
	return ids, w.Kind != inspect.ForWait && w.Kind != inspect.ForAsCompleted
}

// stuck returns the tasks that can only go on if another one of them does first: there is a circle in it, or more.
// Whoever may be helped by something else is not among them: by a timeout or a cancel, or because it waits for anything but
// tasks and locks.
func (g *waitGraph) stuck() map[uint64]bool {
	stuck := map[uint64]bool{}
	for id, t := range g.tasks {
		ids, _ := g.waitsFor(t)
		stuck[id] = len(ids) > 0 && t.State == inspect.TaskWaiting && !mayBeFreed(t)
	}
	for changed := true; changed; { // take out whoever waits for one that can go on
		changed = false
		for _, id := range g.order {
			if !stuck[id] {
				continue
			}
			ids, all := g.waitsFor(g.tasks[id])
			goesOn := func(id uint64) bool { return !stuck[id] }
			// A task that waits for all of several is stuck with one of them, the others with all of them.
			if all && !slices.ContainsFunc(ids, func(id uint64) bool { return stuck[id] }) || !all && slices.ContainsFunc(ids, goesOn) {
				stuck[id] = false
				changed = true
			}
		}
	}
	return stuck
}

// mayBeFreed tells whether a task may go on though what it waits for does not come.
func mayBeFreed(t *inspect.TaskInfo) bool {
	if t.Cancels > 0 {
		return true // it has heard of it, or is about to
	}
	return slices.ContainsFunc(t.Blocks, func(b inspect.BlockInfo) bool { return b.Until > 0 })
}

// cycles returns the circles among the tasks that are stuck: each task waits for the one behind it, and the last for
// the first. A task is in one of them at most. A circle begins with the task of it that was made first.
func (g *waitGraph) cycles() (all [][]uint64) {
	stuck := g.stuck()
	const onPath, over = 1, 2
	seen := map[uint64]int{}
	for _, from := range g.order {
		// Whoever is stuck waits for one that is: so the path goes on until it meets itself or what was seen before.
		var path []uint64
		for id := from; stuck[id] && seen[id] != over; {
			if seen[id] == onPath {
				circle := path[slices.Index(path, id):]
				first := slices.Index(circle, slices.Min(circle))
				all = append(all, slices.Concat(circle[first:], circle[:first]))
				break
			}
			seen[id] = onPath
			path = append(path, id)
			ids, _ := g.waitsFor(g.tasks[id])
			id = ids[slices.IndexFunc(ids, func(id uint64) bool { return stuck[id] })]
		}
		for _, id := range path {
			seen[id] = over
		}
	}
	return all
}
