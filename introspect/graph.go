package introspect

import (
	"slices"

	"example.com/asyncio/inspect"
)

// A waitGraph shows which task waits for which in a snapshot: for its end, or for a lock
// that it holds.
type waitGraph struct {
	tasks map[uint64]*inspect.TaskInfo // by ID
	order []uint64                     // the IDs in order of creation
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

// waitsFor returns the unfinished tasks that t waits for. all reports whether it needs
// all of them; otherwise one may be enough.
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

// stuck returns the tasks that can only continue if another of them continues first. They
// contain at least one cycle. It excludes tasks that something else may free: a timeout,
// a cancel, or a wait for anything but tasks and locks.
func (g *waitGraph) stuck() map[uint64]bool {
	stuck := map[uint64]bool{}
	for id, t := range g.tasks {
		ids, _ := g.waitsFor(t)
		stuck[id] = len(ids) > 0 && t.State == inspect.TaskWaiting && !mayBeFreed(t)
	}
	for changed := true; changed; { // remove tasks that wait for a task that can continue
		changed = false
		for _, id := range g.order {
			if !stuck[id] {
				continue
			}
			ids, all := g.waitsFor(g.tasks[id])
			continues := func(id uint64) bool { return !stuck[id] }
			// A task that needs all is stuck if one of them is; otherwise if all of them
			// are.
			if all && !slices.ContainsFunc(ids, func(id uint64) bool { return stuck[id] }) || !all && slices.ContainsFunc(ids, continues) {
				stuck[id] = false
				changed = true
			}
		}
	}
	return stuck
}

// mayBeFreed reports whether t may continue without what it waits for.
func mayBeFreed(t *inspect.TaskInfo) bool {
	if t.Cancels > 0 {
		return true // it has received the cancel, or soon will
	}
	return slices.ContainsFunc(t.Blocks, func(b inspect.BlockInfo) bool { return b.Until > 0 })
}

// cycles returns the cycles of the stuck tasks. In a cycle each task waits for the next
// one, and the last for the first. It begins with the task that was created first. A task
// is in at most one of the cycles.
func (g *waitGraph) cycles() (all [][]uint64) {
	stuck := g.stuck()
	const onPath, over = 1, 2
	seen := map[uint64]int{}
	for _, from := range g.order {
		// A stuck task waits for a stuck task. So the path continues until it reaches a
		// task that is on it, or that was seen before.
		var path []uint64
		for id := from; stuck[id] && seen[id] != over; {
			if seen[id] == onPath {
				cycle := path[slices.Index(path, id):]
				first := slices.Index(cycle, slices.Min(cycle))
				all = append(all, slices.Concat(cycle[first:], cycle[:first]))
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
