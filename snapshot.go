package asyncio

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// A Snapshot is a picture of a loop and of its tasks at one moment: plain data, which
// belongs to whoever has it. Its JSON is stable: fields may be added, and none changes its
// meaning. Durations are nanoseconds there; 0, false and "" are left out where that is what one expects.
type Snapshot struct {
	Loop   LoopInfo     `json:"loop"`
	Tasks  []TaskInfo   `json:"tasks"`            // that have not ended, in the order of their creation
	Unread []UnreadInfo `json:"unread,omitempty"` // errors that nobody has read, in the order of failing
}

// LoopInfo is what a [Snapshot] says of the loop.
type LoopInfo struct {
	Time     time.Duration `json:"time"`              // as [Loop.Time] counts
	Taken    time.Time     `json:"taken"`             // the time of day
	Stopped  time.Duration `json:"stopped"`           // for how long the loop did nothing else than this snapshot, in real time
	State    string        `json:"state"`             // idle, running, closing
	Ready    int           `json:"ready"`             // calls and tasks that can run
	Timers   int           `json:"timers"`            // that are set
	Outside  int           `json:"outside"`           // pieces of work elsewhere whose end will come in: jobs, mostly
	Turns    uint64        `json:"turns"`             // of the loop since it was made
	Futures  uint64        `json:"futures"`           // made since then, tasks among them
	Current  uint64        `json:"current,omitempty"` // the task that runs
	Debug    bool          `json:"debug"`             // see [Loop.SetDebug]
	Observed bool          `json:"observed"`          // there is an [Observer]
	Steps    bool          `json:"steps"`             // steps are counted: see [RecordSteps]
	Places   bool          `json:"places"`            // places are noted: see [RecordPlaces]
}

// A TaskState says what a task does.
type TaskState string

const (
	TaskNew     TaskState = "new"     // it has not begun
	TaskReady   TaskState = "ready"   // it will run as soon as its turn comes
	TaskRunning TaskState = "running" // it runs, or waits for the first step of a task that it starts eagerly
	TaskWaiting TaskState = "waiting" // see [TaskInfo.Waits]
)

// TaskInfo is what a [Snapshot] says of a task.
type TaskInfo struct {
	// ID is the number of the task among the futures of its loop, in the order of creation. In a program that
	// does the same each time, as in virtual time, it is the same each time. No task has 0.
	ID    uint64    `json:"id"`
	Name  string    `json:"name"`
	State TaskState `json:"state"`
	Func  string    `json:"func"` // its function, as main.fetch
	File  string    `json:"file"` // where that stands
	Line  int       `json:"line"`

	Waits     *WaitInfo   `json:"waits,omitempty"`      // what it waits for, if it does
	AwaitedBy []AwaitInfo `json:"awaited_by,omitempty"` // who waits for it, in the order of creation
	Blocks    []BlockInfo `json:"blocks,omitempty"`     // the timeouts and groups that it is inside of, the innermost last
	Group     uint64      `json:"group,omitempty"`      // the task whose group it is in
	Parent    uint64      `json:"parent,omitempty"`     // the task that made it, if that has not ended

	Cancels int         `json:"cancels,omitempty"` // asked for and not withdrawn
	Cancel  *CancelInfo `json:"cancel,omitempty"`  // the last that was asked for and that nobody withdrew

	MadeAt time.Duration `json:"made_at,omitempty"` // when, as [Loop.Time] counts; only with [RecordPlaces]
	Made   []Frame       `json:"made,omitempty"`    // where, the innermost first; only with [RecordPlaces] or in debug mode
	Steps  uint64        `json:"steps,omitempty"`   // how often it went on; only with [RecordSteps]
	Ran    time.Duration `json:"ran,omitempty"`     // for how long; only with [RecordSteps]
	Since  time.Duration `json:"since,omitempty"`   // when its last step ended, or its present one began; only with [RecordSteps]
}

// WaitInfo is what a task waits for.
type WaitInfo struct {
	Kind   WaitKind `json:"kind"`
	What   string   `json:"what,omitempty"`   // what it is, as it prints: <Lock locked waiters=2>; of a task its name, of a job its function
	Object uint64   `json:"object,omitempty"` // of a lock, a queue, ...: a number that is the same for all who wait for the same one, in one snapshot
	Future uint64   `json:"future,omitempty"` // the number of the future: see [TaskInfo.ID]
	Tasks  []uint64 `json:"tasks,omitempty"`  // the tasks whose end it takes, directly or through gather, wait, shield, groups

	// Holder is the task that took the lock last, if it is locked. Locks are not owned by tasks: it is who took it,
	// and most times the one who will release it.
	Holder     uint64 `json:"holder,omitempty"`
	HolderName string `json:"holder_name,omitempty"` // also where that task has ended

	Until  time.Duration `json:"until,omitempty"`  // of a timer: when it is due, as [Loop.Time] counts
	Since  time.Time     `json:"since,omitzero"`   // of a job: when it began to run, if it has and that is known
	Missed uint64        `json:"missed,omitempty"` // of a condition or an event: how often it was notified or set and cleared while nobody waited
}

// AwaitInfo is a task that waits for another, and how.
type AwaitInfo struct {
	Task uint64 `json:"task"`
	Via  string `json:"via,omitempty"` // what is between the two: a [WaitKind], or "edge" for what [FutureAddToAwaitedBy] added; "" for an await
}

// BlockInfo is a block that a task is inside of.
type BlockInfo struct {
	Kind  string        `json:"kind"`            // timeout, group, scope
	What  string        `json:"what,omitempty"`  // as it prints
	Until time.Duration `json:"until,omitempty"` // of a timeout: its limit, as [Loop.Time] counts
	Tasks []uint64      `json:"tasks,omitempty"` // of a group: those that have not ended
}

// CancelInfo is a request to cancel a task.
type CancelInfo struct {
	By      string   `json:"by,omitempty"`      // who asked, in words: see [CancelledError.By]
	Message string   `json:"message,omitempty"` // what was given to Cancel
	Reason  string   `json:"reason"`            // all that is known, in one line
	Through []string `json:"through,omitempty"` // the tasks by whose awaits it came to this one, the one that was asked first
	Place   []Frame  `json:"place,omitempty"`   // where it was asked for, the innermost first; only with [RecordPlaces] or in debug mode
	Pending bool     `json:"pending,omitempty"` // the task has not heard of it
}

// UnreadInfo is an error that nobody has read.
type UnreadInfo struct {
	ID     uint64 `json:"id"`             // of the future or task
	What   string `json:"what"`           // "task fetch", "a future"
	Error  string `json:"error"`          // its first line
	Source string `json:"made,omitempty"` // where it was made, as far as it is known
}

// EventInfo is a [LoopEvent] as plain data, with stable names in JSON.
type EventInfo struct {
	Kind    EventKind     `json:"kind"`
	Time    time.Duration `json:"time"`              // as [Loop.Time] counts, in nanoseconds
	Task    uint64        `json:"task,omitempty"`    // see [TaskInfo.ID]; 0: none
	Name    string        `json:"name,omitempty"`    // of the task, or of what a callback calls
	By      string        `json:"by,omitempty"`      // who did it, in words
	ByTask  uint64        `json:"by_task,omitempty"` // who did it, if that is a task
	Through []uint64      `json:"through,omitempty"` // the tasks that a cancel was passed on to
	Waits   *WaitInfo     `json:"waits,omitempty"`   // what it waits for
	Message string        `json:"message,omitempty"` // of a cancel
	Outcome string        `json:"outcome,omitempty"` // of a task that ended: result, error, cancelled
	Error   string        `json:"error,omitempty"`   // what it failed with or was cancelled by
	Object  string        `json:"object,omitempty"`  // what grew
	Size    int           `json:"size,omitempty"`    // of the object
}

// Snapshot returns a picture of the loop. It is for the code that runs on it, or who holds the loop while it
// does not run; [Loop.SnapshotThreadsafe] is for all others.
func (l *Loop) Snapshot() *Snapshot {
	if l.debug {
		l.mustBeHere("Snapshot")
	}
	r := l.size().room()
	r.collect(l)
	return r.render()
}

// SnapshotThreadsafe returns a picture of the loop, which runs. Any goroutine but the loop's may call it, and waits until
// the loop has come to it. The loop only notes what there is, which takes it some milliseconds for 100,000 tasks; the texts
// are made on the caller's time. Its errors: that of ctx, if that ends before, as it may with a loop that
// is blocked or does not run; [ErrLoopClosed].
func (l *Loop) SnapshotThreadsafe(ctx context.Context) (*Snapshot, error) {
	// To get the memory takes as long as to fill it; so the loop is first asked for how much.
	size, err := onLoop(ctx, l, func() (snapshotSize, error) { return l.size(), nil })
	if err != nil {
		return nil, err
	}
	r := size.room()
	if _, err := onLoop(ctx, l, func() (None, error) { r.collect(l); return None{}, nil }); err != nil {
		return nil, err
	}
	return r.render(), nil
}

// A snapshotSize is how much there is to be noted.
type snapshotSize struct{ tasks, records, blocks int }

func (l *Loop) size() snapshotSize {
	s := snapshotSize{tasks: l.strands.len, blocks: l.scopes.len}
	if l.record != 0 || l.debug {
		s.records = s.tasks
	}
	return s
}

// room makes room for it, and for what comes meanwhile.
func (s snapshotSize) room() *rawSnapshot {
	more := func(n int) int { return n + n/8 }
	return &rawSnapshot{
		tasks: make([]rawTask, 0, more(s.tasks)), records: make([]rawRecord, 0, more(s.records)), blocks: make([]rawBlock, 0, more(s.blocks)),
		ends: make([]uint32, 0, more(s.tasks)), objects: make(map[fmt.Stringer]rawObject, min(s.tasks, maxObjects)), known: map[*futureBase]span{},
	}
}

// A rawSnapshot is what is noted while the loop stands still: as little as can be, and of
// what does not change later only where it is. render makes texts and numbers of it, in whatever goroutine.
type rawSnapshot struct {
	loop    LoopInfo
	tasks   []rawTask
	records []rawRecord
	more    []rawMore            // what few tasks have
	ends    []uint32             // the numbers of tasks
	known   map[*futureBase]span // what it takes to end those that several wait for
	blocks  []rawBlock
	objects map[fmt.Stringer]rawObject
	unread  []UnreadInfo
	last    fmt.Stringer // the object that was looked at last, and who has it
	holder  AnyTask
}

// A span is a part of rawSnapshot.ends.
type span struct{ from, to int32 }

// A rawTask has no more than what is needed of any task: there are many, and to clear the memory takes time too.
type rawTask struct {
	task   *taskBase
	name   *string
	object fmt.Stringer
	until  time.Duration
	ends   span
	waits  uint32 // the number of the future; not where it is, since it may be used again
	holder uint32 // the number of the task that has the object
	record int32  // in rawSnapshot.records, plus 1
	more   int32  // in rawSnapshot.more, plus 1
	state  uint8  // in taskStates
	kind   WaitKind
}

var taskStates = [...]TaskState{TaskNew, TaskReady, TaskRunning, TaskWaiting}

type rawRecord struct {
	taskRecord
	made *origin
}

type rawMore struct {
	edges   []rawEdge
	cancels int
	cancel  *CancelInfo
	job     string
	since   time.Time
}

// A rawEdge is the number of a future that awaits a task by FutureAddToAwaitedBy.
type rawEdge struct {
	nth    uint32
	isTask bool
}

type rawBlock struct {
	task  *strand
	of    fmt.Stringer
	until time.Duration
	ends  span
	kind  WaitKind
}

// A rawObject is what is noted of an object for which tasks wait.
type rawObject struct {
	text   string
	holder string // its name
	missed uint64
}

const (
	// maxObjects is of how many objects a snapshot has the texts: they are made while the loop stands still.
	maxObjects = 1_000
	// maxEnds is for how many tasks all others together may be seen to wait. A thousand tasks that each wait for
	// the same thousand already are a million.
	maxEnds = 2_000_000
)

func (r *rawSnapshot) collect(l *Loop) {
	began := time.Now()
	r.loop = LoopInfo{
		Time: l.Time(), Taken: began, State: stateNames[l.state.Load()],
		Ready: l.ready.Len(), Timers: l.timers.Len() - l.cancelledTimers, Outside: l.outside, Turns: l.turns, Futures: uint64(l.futures),
		Debug: l.debug, Observed: l.observer != nil, Steps: l.record&RecordSteps != 0, Places: l.debug || l.record&RecordPlaces != 0,
	}
	if l.current != nil {
		r.loop.Current = l.current.task().ID()
	}
	for s := l.strands.first; s != nil; s = s.next {
		if s.future.state == pending {
			r.tasks = append(r.tasks, rawTask{})
			r.addTask(l, s.task(), &r.tasks[len(r.tasks)-1])
		}
	}
	for s := l.scopes.first; s != nil; s = s.behind {
		r.addBlock(s)
	}
	for u := l.reports.first; u != nil && len(r.unread) < maxObjects; u = u.next {
		r.unread = append(r.unread, UnreadInfo{ID: uint64(u.nth), What: u.what, Error: firstLine(u.err), Source: u.source})
	}
	r.loop.Stopped = time.Since(began)
}

func (r *rawSnapshot) addTask(l *Loop, t *taskBase, raw *rawTask) {
	raw.task, raw.name = t, t.name
	f := t.waits
	switch {
	case t.stack == nil:
		raw.state = 0
	case l.runs(&t.strand):
		raw.state = 2
	case f == nil || f.state != pending:
		raw.state = 1
	default:
		raw.state = 3
		r.addWait(f, raw)
	}
	if m := t.future.more; m != nil && (m.record != nil || m.made != nil) {
		r.records = append(r.records, rawRecord{made: m.made})
		raw.record = int32(len(r.records))
		if m.record != nil {
			r.records[raw.record-1].taskRecord = *m.record
		}
	}
	if m := t.future.more; m != nil && len(m.edges) > 0 {
		more := r.moreOf(raw)
		for _, f := range m.edges {
			more.edges = append(more.edges, rawEdge{f.nth, f.isTask})
		}
	}
	if t.cancels > 0 {
		m := r.moreOf(raw)
		m.cancels, m.cancel = int(t.cancels), t.cancelInfo()
	}
}

// addWait notes that the task waits for f.
func (r *rawSnapshot) addWait(f *futureBase, raw *rawTask) {
	raw.waits = f.nth
	if f.isTask {
		raw.kind = ForTask
		return
	}
	reason := f.reason()
	raw.kind, raw.until = reason.Kind, reason.Until
	if raw.kind != ForFuture && reason.Object != nil && reflect.TypeOf(reason.Object).Comparable() {
		raw.object = reason.Object
		r.addObject(&reason)
		if r.holder != nil {
			raw.holder = r.holder.base().nth
		}
	}
	if len(reason.Futures) > 0 {
		raw.ends = r.addEnds(f, reason.Futures, nil)
	}
	if reason.Job != "" {
		m := r.moreOf(raw)
		m.job, m.since = reason.Job, reason.Since
	}
}

// runs tells whether s runs, or waits for the first step of another that it starts eagerly.
func (l *Loop) runs(s *strand) bool {
	return s == l.current || slices.ContainsFunc(l.eager, func(e eagerStart) bool { return e.creator == s })
}

func (r *rawSnapshot) moreOf(raw *rawTask) *rawMore {
	if raw.more == 0 {
		r.more = append(r.more, rawMore{})
		raw.more = int32(len(r.more))
	}
	return &r.more[raw.more-1]
}

// addObject notes what is to be said of an object.
func (r *rawSnapshot) addObject(reason *WaitReason) {
	if reason.Object == r.last {
		return
	}
	r.last, r.holder = reason.Object, reason.holder()
	if len(r.objects) >= maxObjects {
		return
	}
	if _, known := r.objects[r.last]; !known {
		o := rawObject{text: fmt.Sprint(r.last), missed: missedBy(r.last)} // Sprint withstands a String that panics
		if r.holder != nil {
			o.holder = r.holder.Name()
		}
		r.objects[r.last] = o
	}
}

// addEnds notes the tasks whose ends it takes to end the wait for f. way is how it came to f, through others.
func (r *rawSnapshot) addEnds(f *futureBase, of []AnyFuture, way []*futureBase) span {
	several := f.more != nil && len(f.more.waiters) > 0
	if several {
		if s, ok := r.known[f]; ok {
			if way != nil { // it is part of a longer one
				r.ends = append(r.ends, r.ends[s.from:s.to]...)
			}
			return s
		}
	}
	s := span{from: int32(len(r.ends))}
	for _, g := range of {
		b := g.base()
		switch {
		case b.state != pending || len(r.ends) >= maxEnds || slices.Contains(way, b):
		case b.isTask:
			r.ends = append(r.ends, b.nth)
		default:
			r.addEnds(b, b.reason().Futures, append(way, f))
		}
	}
	s.to = int32(len(r.ends))
	if several {
		r.known[f] = s
	}
	return s
}

func (r *rawSnapshot) addBlock(s *Scope) {
	reason := s.of.WaitReason()
	if reason.Kind != ForTimeout && reason.Object != nil && reflect.TypeOf(reason.Object).Comparable() {
		r.addObject(&reason) // a timeout says no more than its limit does
	}
	r.blocks = append(r.blocks, rawBlock{
		task: s.strand, kind: reason.Kind, of: reason.Object, until: reason.Until,
		ends: r.addBlockEnds(reason.Futures),
	})
}

func (r *rawSnapshot) addBlockEnds(of []AnyFuture) span {
	s := span{from: int32(len(r.ends))}
	for _, g := range of {
		if b := g.base(); b.isTask && b.state == pending && len(r.ends) < maxEnds {
			r.ends = append(r.ends, b.nth)
		}
	}
	s.to = int32(len(r.ends))
	return s
}

// missedBy returns how many wake-ups of an object have woken nobody.
func missedBy(object fmt.Stringer) uint64 {
	if m, ok := object.(interface{ Missed() uint64 }); ok {
		return m.Missed()
	}
	return 0
}

// render makes plain data of what was noted.
func (r *rawSnapshot) render() *Snapshot {
	d := renderer{
		raw: r, tasks: make([]TaskInfo, len(r.tasks)),
		index: make(map[uint64]int, len(r.tasks)), objects: map[fmt.Stringer]uint64{},
	}
	for i := range r.tasks {
		raw, t := &r.tasks[i], &d.tasks[i]
		t.ID, t.State = raw.task.ID(), taskStates[raw.state]
		t.Name = taskName(raw.name, raw.task.id)
		t.Func, t.File, t.Line = funcAt(raw.task.code)
		d.index[t.ID] = i
	}
	for i := range r.tasks {
		d.wait(&r.tasks[i], &d.tasks[i])
	}
	for i := range r.tasks {
		d.awaited(i)
	}
	for i := len(r.blocks) - 1; i >= 0; i-- { // the last opened is noted first
		d.block(&r.blocks[i])
	}
	for i := range d.tasks {
		d.sort(&d.tasks[i])
	}
	return &Snapshot{Loop: r.loop, Tasks: d.tasks, Unread: r.unread}
}

// A renderer is what render needs on the way.
type renderer struct {
	raw     *rawSnapshot
	tasks   []TaskInfo
	index   map[uint64]int          // of tasks by their IDs
	objects map[fmt.Stringer]uint64 // their numbers
}

func (d *renderer) wait(raw *rawTask, t *TaskInfo) {
	if raw.record > 0 {
		r := &d.raw.records[raw.record-1]
		t.MadeAt, t.Made, t.Parent = r.taskRecord.made, framesOf(r.made), d.live(uint64(r.parent))
		t.Steps, t.Ran, t.Since = r.steps, r.ran, r.since
	}
	more := d.more(raw)
	if more != nil {
		t.Cancels, t.Cancel = more.cancels, more.cancel
	}
	if raw.waits == 0 {
		return
	}
	w := &WaitInfo{Kind: raw.kind, Until: raw.until, Future: uint64(raw.waits)}
	t.Waits = w
	if raw.kind == ForTask {
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

// live returns the ID if that is of a task in the snapshot, or else 0.
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

// awaited adds task i to those who await others.
func (d *renderer) awaited(i int) {
	t := &d.tasks[i]
	if w := t.Waits; w != nil {
		via := ""
		if w.Kind != ForTask {
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

// edge notes that f awaits t by an edge that somebody added: f itself, or those who wait for it.
func (d *renderer) edge(t *TaskInfo, f rawEdge) {
	if f.isTask {
		if id := d.live(uint64(f.nth)); id != 0 {
			d.await(t.ID, id, viaEdge)
		}
		return
	}
	for i := range d.raw.tasks {
		if d.raw.tasks[i].waits == f.nth {
			d.await(t.ID, d.tasks[i].ID, viaEdge)
		}
	}
}

// viaEdge is what AwaitInfo.Via says of an edge that FutureAddToAwaitedBy has added.
const viaEdge = "edge"

// await notes that the task by awaits the task id.
func (d *renderer) await(id, by uint64, via string) {
	if i, ok := d.index[id]; ok {
		d.tasks[i].AwaitedBy = append(d.tasks[i].AwaitedBy, AwaitInfo{by, via})
	}
}

func (d *renderer) block(b *rawBlock) {
	i, ok := d.index[b.task.task().ID()]
	if !ok {
		return
	}
	info := BlockInfo{Kind: b.kind.String()}
	if b.kind == ForTimeout {
		if info.Until = b.until; b.until == Never {
			info.Until = 0
		}
	} else if b.of != nil && reflect.TypeOf(b.of).Comparable() {
		info.What = d.raw.objects[b.of].text
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

// sort brings those who await t into order, each once for each way.
func (d *renderer) sort(t *TaskInfo) {
	slices.SortFunc(t.AwaitedBy, func(a, b AwaitInfo) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Via, b.Via))
	})
	t.AwaitedBy = slices.Compact(t.AwaitedBy)
}

// String returns w as text: lock <Lock locked waiters=1> held by task b.
func (w *WaitInfo) String() string {
	s := w.Kind.String()
	switch {
	case w.Kind == ForFuture:
		s = "a future"
	case w.Kind == ForTimer:
		s = fmt.Sprintf("a timer until %v", w.Until)
	case w.What != "":
		s += " " + w.What
	}
	if w.HolderName != "" {
		s += " held by task " + w.HolderName
	}
	if w.Kind != ForTask && len(w.Tasks) > 0 {
		s += fmt.Sprintf(" of %d tasks", len(w.Tasks))
	}
	return s
}

// cancelInfo tells who has asked t to cancel.
func (t *taskBase) cancelInfo() *CancelInfo {
	c := &CancelInfo{Reason: "cancelled", Pending: t.mustCancel || t.waits != nil && t.waits.state == cancelled}
	e := t.request
	if e == nil {
		return c
	}
	c.By, c.Through, c.Reason = e.By(), e.Through(), e.reason()
	if e.Message != nil {
		c.Message = fmt.Sprint(e.Message)
	}
	if a, ok := e.origin().by.(*asking); ok {
		c.Place = framesOf(a.at)
	}
	return c
}

// Info returns e as plain data. It is for the loop's goroutine, as e is.
func (e *LoopEvent) Info() EventInfo {
	i := EventInfo{Kind: e.Kind, Time: e.Loop.Time(), Size: e.Size}
	if e.Task != nil {
		i.Task, i.Name = e.Task.ID(), e.Task.Name()
	}
	if by, ok := e.By.(AnyTask); ok {
		i.ByTask = by.ID()
	}
	if e.By != nil {
		i.By = (&CancelledError{by: e.By}).By()
	}
	for _, t := range e.Through {
		i.Through = append(i.Through, t.ID())
	}
	if e.Message != nil {
		i.Message = fmt.Sprint(e.Message)
	}
	if e.Kind == CallBegun {
		i.Name = e.Handle.what()
	}
	if e.Object != nil {
		i.Object = e.Object.String()
	}
	if e.On != nil {
		i.Waits = waitInfo(e.On.base())
	}
	if e.Kind == TaskEnded {
		i.Outcome = "result"
		if e.Err != nil {
			i.Outcome, i.Error = "error", firstLine(e.Err)
			if e.Task.Cancelled() {
				i.Outcome = "cancelled"
			}
		}
	}
	return i
}

// waitInfo says what those wait for who await f.
func waitInfo(f *futureBase) *WaitInfo {
	r := f.reason()
	w := &WaitInfo{Kind: r.Kind, What: r.Job, Future: uint64(f.nth), Until: r.Until, Since: r.Since, Missed: missedBy(r.Object)}
	if r.Object != nil && r.Kind != ForFuture {
		w.What = fmt.Sprint(r.Object)
	}
	if h := r.holder(); h != nil {
		w.Holder, w.HolderName = h.ID(), h.Name()
	}
	if r.Kind == ForTask {
		w.What = nameOf(f.self)
	}
	for _, of := range r.Futures {
		if b := of.base(); b.isTask && b.state == pending {
			w.Tasks = append(w.Tasks, uint64(b.nth))
		}
	}
	return w
}
