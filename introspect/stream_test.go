package introspect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// A reader is a ResponseWriter that streams events and records the lines.
type reader struct {
	cancel context.CancelFunc
	over   chan bool    // closed when the stream has ended
	hello  chan bool    // closed after the first line
	write  func() error // called for each line after the first; nil: accept the line

	mu    sync.Mutex
	lines [][]byte // guarded by mu
}

func (r *reader) Header() http.Header { return http.Header{} }
func (r *reader) WriteHeader(int)     {}
func (r *reader) Flush()              {}

func (r *reader) Write(line []byte) (int, error) {
	r.mu.Lock()
	r.lines = append(r.lines, bytes.Clone(line))
	first := len(r.lines) == 1
	r.mu.Unlock()
	if first {
		close(r.hello)
	} else if r.write != nil {
		return len(line), r.write()
	}
	return len(line), nil
}

// stream begins to read the events of h. The loop keeps running.
func stream(ctx context.Context, h http.Handler, write func() error) *reader {
	r := &reader{over: make(chan bool), hello: make(chan bool), write: write}
	var request context.Context
	request, r.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(r.over)
		h.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/events", nil).WithContext(request))
	}()
	_, _ = asyncio.ToThread(ctx, func(context.Context) (bool, error) { return <-r.hello, nil })
	return r
}

// end ends the stream.
func (r *reader) end() {
	r.cancel()
	<-r.over
}

// received returns how many events r has received, and how many were reported as missing.
// It fails the test if events are missing without a report.
func (r *reader) received(t *testing.T) (got, missing uint64) {
	t.Helper()
	next := uint64(0)
	for _, m := range r.messages(t) {
		switch m.Kind {
		case introspect.KindHello:
			next = m.Seq
		case introspect.KindEvents:
			if m.Seq != next+m.Dropped {
				t.Errorf("got event %d, want %d after %d missing ones", m.Seq, next+m.Dropped, m.Dropped)
			}
			next = m.Seq + uint64(len(m.Events))
			got += uint64(len(m.Events))
			missing += m.Dropped
		}
	}
	return got, missing
}

func (r *reader) messages(t *testing.T) (all []introspect.Message) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.lines {
		var m introspect.Message
		if err := json.Unmarshal(line, &m); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		all = append(all, m)
	}
	return all
}

// yields produces n events: the task suspends and resumes.
func yields(ctx context.Context, n int) {
	for range n / 2 {
		_ = asyncio.Yield(ctx)
	}
}

// stuckStream begins to read the events of h. The reader is stuck with the first batch,
// of n events, until release is called.
func stuckStream(t *testing.T, ctx context.Context, h http.Handler, tick chan time.Time) (r *reader, release func(), n uint64) {
	stuck, wait := make(chan bool), make(chan bool)
	once := sync.OnceFunc(func() { close(stuck) })
	r = stream(ctx, h, func() error { once(); <-wait; return nil })
	yields(ctx, 2)
	tick <- time.Time{}
	<-stuck
	n, _ = r.received(t)
	return r, func() { close(wait) }, n
}

// If more events occur than the ring holds before the reader continues, it receives those
// in the ring, the number of missing ones, and the events after them.
func TestDroppedEventsAreReported(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tick := make(chan time.Time)
		l := running(ctx)
		r, release, n := stuckStream(t, ctx, introspect.Handler(l, introspect.Tick(tick)), tick)
		yields(ctx, introspect.RingSize+1000)
		n += introspect.RingSize + 1000
		release()
		for before := uint64(0); before != l.MutedEvents(); n += 2 { // until the ring was read and the loop reports events again
			before = l.MutedEvents()
			yields(ctx, 2)
		}
		r.end()
		got, missing := r.received(t)
		if got+missing != n || got <= introspect.RingSize || missing < 1000 {
			t.Errorf("got %d events and %d missing, of %d", got, missing, n)
		}
		return nil
	})
}

// The number of missing events is reported even if no event follows, since the sample
// asks the loop once per second.
func TestDroppedEventsAreReportedWithoutNewEvents(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tick := make(chan time.Time)
		r, release, n := stuckStream(t, ctx, introspect.Handler(running(ctx), introspect.Tick(tick)), tick)
		yields(ctx, introspect.RingSize)
		n += introspect.RingSize + 1 // the last event: this task suspends; then the loop is idle
		_, err := asyncio.ToThread(ctx, func(context.Context) (int, error) {
			release()
			for range 20 {
				tick <- time.Time{}
			}
			r.end()
			return 0, nil
		})
		if got, missing := r.received(t); got != introspect.RingSize || got+missing != n {
			t.Errorf("got %d events and %d missing, of %d", got, missing, n)
		}
		all := r.messages(t)
		if i := slices.IndexFunc(all, func(m introspect.Message) bool { return m.Kind == introspect.KindSample }); i < 0 || all[i].Sample.Tasks != 1 {
			t.Errorf("the sample is missing or wrong: %d", i)
		}
		return err
	})
}

// A stuck reader delays neither the loop nor another reader, which receives all events.
// When it continues, it receives the number of events that it has lost.
func TestSlowReaderDelaysNothing(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tick := make(chan time.Time)
		h := introspect.Handler(running(ctx), introspect.Tick(tick))
		slow, release, _ := stuckStream(t, ctx, h, tick)
		quick := stream(ctx, h, nil)
		for range 6 { // the slow reader receives no ticks
			yields(ctx, introspect.RingSize/2)
			for range 3 {
				tick <- time.Time{}
			}
		}
		quick.end()
		got, missing := quick.received(t)
		if got < 3*introspect.RingSize || missing != 0 {
			t.Errorf("the quick reader got %d events, and %d are missing", got, missing)
		}
		release()
		slow.end()
		late, lost := slow.received(t)
		if late < introspect.RingSize || lost < introspect.RingSize || late+lost < got {
			t.Errorf("the slow reader got %d events and lost %d, the quick one got %d", late, lost, got)
		}
		return nil
	})
}

// With a reader that is stuck forever, the loop only counts events. When the reader is
// gone, the loop has no observer.
func TestDeadReader(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tick := make(chan time.Time)
		l := running(ctx)
		h := introspect.Handler(l, introspect.Tick(tick))
		gone, stuck := make(chan bool), make(chan bool)
		r := stream(ctx, h, func() error { close(stuck); <-gone; return errors.New("broken pipe") })
		yields(ctx, 2)
		tick <- time.Time{}
		<-stuck
		if !introspect.Installed(h) {
			t.Error("the loop is not observed")
		}
		before := l.MutedEvents()
		yields(ctx, 3*introspect.RingSize)
		if n := l.MutedEvents() - before; n < introspect.RingSize {
			t.Errorf("the loop muted only %d events", n)
		}
		close(gone)
		<-r.over
		yields(ctx, 4)
		if l.Observer() != nil || introspect.Installed(h) {
			t.Error("the loop is still observed")
		}
		before = l.MutedEvents()
		yields(ctx, 4)
		if n := l.MutedEvents() - before; n != 0 {
			t.Errorf("the loop counted %d events without a reader", n)
		}
		return nil
	})
}

// countAll counts events.
type countAll struct{ n int }

func (c *countAll) Observe(*inspect.Event) { c.n++ }

// Another Observer, below or above the hub, receives all events even if the ring is full.
func TestOtherObserversReceiveAllEvents(t *testing.T) {
	for _, above := range []bool{false, true} {
		run(t, func(ctx context.Context) error {
			tick := make(chan time.Time)
			l := running(ctx)
			var other countAll
			if !above {
				l.SetObserver(&other)
			}
			r, release, n := stuckStream(t, ctx, introspect.Handler(l, introspect.Tick(tick)), tick)
			if above {
				l.SetObserver(inspect.Tee(l.Observer(), &other))
			}
			before := other.n
			yields(ctx, 2*introspect.RingSize)
			if n := other.n - before; n != 2*introspect.RingSize {
				t.Errorf("above: %v: the other Observer received %d events", above, n)
			}
			release()
			r.end()
			if got, missing := r.received(t); got != introspect.RingSize || got+missing != n+2*introspect.RingSize {
				t.Errorf("above: %v: the reader got %d events, and %d are missing", above, got, missing)
			}
			return nil
		})
	}
}

// The lines of a stream are the JSON of a Message, with each kind of event as an
// EventInfo.
func TestEventsInJSON(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tick := make(chan time.Time)
		r := stream(ctx, introspect.Handler(running(ctx), introspect.Tick(tick)), nil)
		failing := spawn(ctx, `a "quoted" <name>`, func(ctx context.Context) error { return errors.New("two\nlines") })
		sleeper := spawn(ctx, "sleeper", func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) })
		waiter := spawn(ctx, "waiter", func(ctx context.Context) error { return waitFor(ctx, sleeper) })
		_ = asyncio.Yield(ctx)
		_ = asyncio.Yield(ctx)
		_ = failing.Exception() // reads the error
		waiter.CancelWith("enough & more")
		_, _ = waiter.Await(ctx)
		q := asyncio.NewQueue[int](0)
		_ = spawn(ctx, "getter", func(ctx context.Context) error { _, err := q.Get(ctx); return err })
		_ = asyncio.Yield(ctx)
		for i := range 64 + 1 {
			_ = q.TryPut(i)
		}
		running(ctx).CallSoon(func(context.Context) {})
		_, _ = asyncio.ToThread(ctx, aJob)
		for _, task := range asyncio.AllTasks(ctx)[1:] {
			_ = waitFor(ctx, task.(*asyncio.Task[asyncio.None]))
		}
		tick <- time.Time{}
		r.end()
		var events lines
		for i, line := range r.lines {
			d := json.NewDecoder(bytes.NewReader(line))
			d.DisallowUnknownFields()
			var m introspect.Message
			if err := d.Decode(&m); err != nil {
				t.Errorf("%v: %s", err, line)
			}
			if again, err := json.Marshal(m); i > 0 && (err != nil || string(again)+"\n" != string(line)) {
				t.Errorf("sent:\n%sencoding/json returns (%v):\n%s", line, err, again)
			}
			events.addEvents(m.Events)
		}
		events.want(t,
			`a "quoted" <name> #3 by #1`,
			"sleeper #4 by #1",
			"waiter #5 by #1",
			"#3 error two\nlines",
			"#4 waits: a timer until 1h0m0s []",
			"#5 waits: task [4]",
			"cancel of #5 by task main (#1) through [4]: enough & more",
			"#1 waits: task [5]",
			"#4 cancelled asyncio: cancelled by main, through the await of waiter: enough & more",
			"#5 cancelled asyncio: cancelled by main, through the await of waiter: enough & more",
			"getter #7 by #1",
			"#7 waits: queue get []",
			"<Queue maxsize=0 size=64 unfinished=63> 64",
			"#1 waits: job introspect_test.aJob() []",
			"#7 result ",
		)
		return nil
	})
}

// addEvents adds a line for each event of the kinds that have more than a task.
func (l *lines) addEvents(events []inspect.EventInfo) {
	for _, e := range events {
		switch e.Kind {
		case inspect.TaskCreated:
			l.add("%s #%d by #%d", e.Name, e.Task, e.ByTask)
		case inspect.TaskCancelAsked:
			l.add("cancel of #%d by %s (#%d) through %v: %s", e.Task, e.By, e.ByTask, e.Through, e.Message)
		case inspect.TaskEnded:
			l.add("#%d %s %s", e.Task, e.Outcome, e.Error)
		case inspect.QueueGrew:
			l.add("%s %d", e.Object, e.Size)
		case inspect.TaskSuspended:
			if e.Waits != nil {
				text, _, _ := strings.Cut(e.Waits.String(), " at ") // without the line number
				l.add("#%d waits: %s %v", e.Task, text, e.Waits.Tasks)
			}
		}
	}
}

func aJob(context.Context) (int, error) { return 0, nil }
