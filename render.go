package asyncio

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"example.com/asyncio/inspect"
)

// render converts the records of collect to plain data.
func (r *rawSnapshot) render() *inspect.Snapshot {
	d := renderer{
		raw: r, tasks: make([]inspect.TaskInfo, len(r.tasks)),
		index: make(map[uint64]int, len(r.tasks)), objects: map[fmt.Stringer]uint64{},
	}
	for i := range r.tasks {
		raw, t := &r.tasks[i], &d.tasks[i]
		t.ID, t.State = raw.task.future.ID(), taskStates[raw.state]
		t.Name = taskName(raw.name, raw.task.id)
		f := funcInfoOf(raw.task.code)
		t.Func, t.File, t.Line = f.Func, f.File, f.Line
		d.index[t.ID] = i
	}
	for i := range r.tasks {
		d.wait(&r.tasks[i], &d.tasks[i])
	}
	for i := range r.tasks {
		d.awaited(i)
	}
	for i := len(r.blocks) - 1; i >= 0; i-- { // last opened first
		d.block(&r.blocks[i])
	}
	for i := range d.tasks {
		d.sort(&d.tasks[i])
	}
	return &inspect.Snapshot{Loop: r.loop, Tasks: d.tasks, Unread: r.unread}
}

// A renderer is the state of render.
type renderer struct {
	raw     *rawSnapshot
	tasks   []inspect.TaskInfo
	index   map[uint64]int          // the index in tasks of each ID
	objects map[fmt.Stringer]uint64 // the numbers given to objects
}

func (d *renderer) wait(raw *rawTask, t *inspect.TaskInfo) {
	if raw.record > 0 {
		r := &d.raw.records[raw.record-1]
		t.MadeAt, t.Made, t.Parent = r.created, framesOf(r.made), d.live(uint64(r.parent))
		t.Steps, t.Ran, t.Since = r.steps, r.ran, r.since
	}
	more := d.more(raw)
	if more != nil {
		t.Cancels, t.Cancel = more.cancels, more.cancel
	}
	if raw.waits == 0 {
		return
	}
	w := &inspect.WaitInfo{Kind: raw.kind, Until: raw.until, Future: uint64(raw.waits)}
	t.Waits = w
	if raw.kind == inspect.ForTask {
		w.What = d.nameOf(w.Future)
		w.Tasks = []uint64{w.Future}
		return
	}
	if raw.object != nil {
		o := d.raw.objects[raw.object]
		w.What, w.Missed, w.HolderName = o.text, o.missed, o.holder
		if w.Object = d.objects[raw.object]; w.Object == 0 {
			w.Object = uint64(len(d.objects) + 1)
			d.objects[raw.object] = w.Object
		}
	}
	for _, id := range d.raw.ends[raw.ends.from:raw.ends.to] {
		w.Tasks = append(w.Tasks, uint64(id))
	}
	if w.Holder = d.live(uint64(raw.holder)); w.Holder != 0 {
		w.HolderName = d.nameOf(w.Holder)
	}
	if more != nil && more.job != "" {
		w.What, w.Since = more.job, more.since
	}
}

func (d *renderer) more(raw *rawTask) *rawMore {
	if raw.more == 0 {
		return nil
	}
	return &d.raw.more[raw.more-1]
}

// live returns id if the snapshot has the task with this ID, otherwise 0.
func (d *renderer) live(id uint64) uint64 {
	if _, ok := d.index[id]; ok {
		return id
	}
	return 0
}

func (d *renderer) nameOf(id uint64) string {
	if i, ok := d.index[id]; ok {
		return d.tasks[i].Name
	}
	return ""
}

// awaited adds task i to the awaiters of the tasks that it waits for.
func (d *renderer) awaited(i int) {
	t := &d.tasks[i]
	if w := t.Waits; w != nil {
		via := ""
		if w.Kind != inspect.ForTask {
			via = w.Kind.String()
		}
		for _, id := range w.Tasks {
			d.await(id, t.ID, via)
		}
	}
	if more := d.more(&d.raw.tasks[i]); more != nil {
		for _, f := range more.edges {
			d.edge(t, f)
		}
	}
}

// edge adds an edge of AddAwaiter: t is awaited by f, or by the awaiters of f if f is not
// a task.
func (d *renderer) edge(t *inspect.TaskInfo, f rawEdge) {
	if f.isTask {
		if id := d.live(uint64(f.seq)); id != 0 {
			d.await(t.ID, id, viaEdge)
		}
		return
	}
	for i := range d.raw.tasks {
		if d.raw.tasks[i].waits == f.seq {
			d.await(t.ID, d.tasks[i].ID, viaEdge)
		}
	}
}

// viaEdge is the AwaitInfo.Via of an edge that AddAwaiter added.
const viaEdge = "edge"

// await adds the task by to the awaiters of the task id.
func (d *renderer) await(id, by uint64, via string) {
	if i, ok := d.index[id]; ok {
		d.tasks[i].AwaitedBy = append(d.tasks[i].AwaitedBy, inspect.AwaitInfo{Task: by, Via: via})
	}
}

func (d *renderer) block(b *rawBlock) {
	i, ok := d.index[b.task.future.ID()]
	if !ok {
		return
	}
	info := inspect.BlockInfo{Kind: b.kind.String()}
	if b.kind == inspect.ForTimeout {
		if info.Until = b.until; b.until == Never {
			info.Until = 0
		}
	} else if b.object != nil && reflect.TypeOf(b.object).Comparable() {
		info.What = d.raw.objects[b.object].text
	}
	t := &d.tasks[i]
	for _, nth := range d.raw.ends[b.ends.from:b.ends.to] {
		id := uint64(nth)
		if child, ok := d.index[id]; ok {
			info.Tasks = append(info.Tasks, id)
			d.tasks[child].Group = t.ID
			d.await(id, t.ID, b.kind.String())
		}
	}
	t.Blocks = append(t.Blocks, info)
}

// sort sorts the awaiters of t and removes duplicates.
func (d *renderer) sort(t *inspect.TaskInfo) {
	slices.SortFunc(t.AwaitedBy, func(a, b inspect.AwaitInfo) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Via, b.Via))
	})
	t.AwaitedBy = slices.Compact(t.AwaitedBy)
}
