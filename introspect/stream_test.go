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

// A reader is one who streams events, and whom the test can see through.
type reader struct {
	cancel context.CancelFunc
	over   chan bool    // closed when the stream has ended
	hello  chan bool    // closed when it has begun
	write  func() error // called before each line behind the hello; nil: the line is taken

	mu    sync.Mutex
	lines [][]byte
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

// stream begins to read the events of h, while the loop goes on.
func stream(ctx context.Context, h http.Handler, write func() error) *reader {
	r := &reader{over: make(chan bool), hello: make(chan bool), write: write}
	var asking context.Context
	asking, r.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(r.over)
		h.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/events", nil).WithContext(asking))
	}()
	_, _ = asyncio.ToThread(ctx, func(context.Context) (bool, error) { return <-r.hello, nil })
	return r
}

// end ends the stream.
func (r *reader) end() {
	r.cancel()
	<-r.over
}

// took returns how many events it got and how many it was told that are missing, and fails the test if there is a gap of which it was
// not told.
func (r *reader) took(t *testing.T) (got, missing uint64) {
	t.Helper()
	next := uint64(0)
	for _, m := range r.messages(t) {
		switch m.Kind {
		case introspect.KindHello:
			next = m.Seq
		case introspect.KindEvents:
			if m.Seq != next+m.Dropped {
				t.Errorf("event %d follows %d, with %d missing", m.Seq, next, m.Dropped)
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

// yields makes n events: a task suspends, and goes on.
func yields(ctx context.Context, n int) {
	for range n / 2 {
		_ = asyncio.Yield(ctx)
	}
}

// stuckStream begins to read the events of h, and gets stuck with the first of them, which are the first n. It goes on when release is
// called.
func stuckStream(t *testing.T, ctx context.Context, h http.Handler, tick chan time.Time) (r *reader, release func(), n uint64) {
	stuck, wait := make(chan bool), make(chan bool)
	once := sync.OnceFunc(func() { close(stuck) })
	r = stream(ctx, h, func() error { once(); <-wait; return nil })
	yields(ctx, 2)
	tick <- time.Time{}
	<-stuck
	n, _ = r.took(t)
	return r, func() { close(wait) }, n
}

// Nobody reads until more has happened than is kept: what is kept is read, how much is missing is told, and then
// what happens next.
func TestDroppedEventsAreTold(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tick := make(chan time.Time)
		l := running(ctx)
		r, release, made := stuckStream(t, ctx, introspect.Handler(l, introspect.Tick(tick)), tick)
		yields(ctx, introspect.RingSize+1000)
		made += introspect.RingSize + 1000
		release()
		for before := uint64(0); before != l.MutedEvents(); made += 2 { // until it has been read, and the loop tells again
			before = l.MutedEvents()
			yields(ctx, 2)
		}
		r.end()
		got, missing := r.took(t)
		if got+missing != made || got <= introspect.RingSize || missing < 1000 {
			t.Errorf("got %d events, and was told of %d missing; there were %d", got, missing, made)
		}
		return nil
	})
}

// How many are missing is told also where nothing happens any more: once a second the loop is asked how it does.
func TestDroppedEventsAreToldWhereNothingHappens(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tick := make(chan time.Time)
		r, release, made := stuckStream(t, ctx, introspect.Handler(running(ctx), introspect.Tick(tick)), tick)
		yields(ctx, introspect.RingSize)
		made += introspect.RingSize + 1                                      // that this task suspends
		_, err := asyncio.ToThread(ctx, func(context.Context) (int, error) { // and now nothing happens
			release()
			for range 20 {
				tick <- time.Time{}
			}
			r.end()
			return 0, nil
		})
		if got, missing := r.took(t); got != introspect.RingSize || got+missing != made {
			t.Errorf("got %d events, and was told of %d missing; there were %d", got, missing, made)
		}
		all := r.messages(t)
		if i := slices.IndexFunc(all, func(m introspect.Message) bool { return m.Kind == introspect.KindSample }); i < 0 || all[i].Sample.Tasks != 1 {
			t.Errorf("there is no sample, or a wrong one: %d", i)
		}
		return err
	})
}

// A reader that takes nothing holds up neither the loop nor another reader, which gets all. When it goes on it is told what it
// has lost.
func TestASlowReaderHoldsUpNobody(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tick := make(chan time.Time)
		h := introspect.Handler(running(ctx), introspect.Tick(tick))
		slow, release, _ := stuckStream(t, ctx, h, tick)
		quick := stream(ctx, h, nil)
		for range 6 { // the slow one takes no tick
			yields(ctx, introspect.RingSize/2)
			for range 3 {
				tick <- time.Time{}
			}
		}
		quick.end()
		got, missing := quick.took(t)
		if got < 3*introspect.RingSize || missing != 0 {
			t.Errorf("the quick reader got %d events, and %d are missing", got, missing)
		}
		release()
		slow.end()
		late, lost := slow.took(t)
		if late < introspect.RingSize || lost < introspect.RingSize || late+lost < got {
			t.Errorf("the slow reader got %d events and lost %d, the quick one got %d", late, lost, got)
		}
		return nil
	})
}

// With a reader that never takes anything the loop soon only counts what happens, and when that reader is gone it is as if it had never
// been there.
func TestAReaderThatIsGone(t *testing.T) {
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
			t.Errorf("the loop has told of all but %d events", n)
		}
		close(gone)
		<-r.over
		yields(ctx, 4)
		if l.Observer() != nil || introspect.Installed(h) {
			t.Error("the loop is observed still")
		}
		before = l.MutedEvents()
		yields(ctx, 4)
		if n := l.MutedEvents() - before; n != 0 {
			t.Errorf("the loop has counted %d events that are for nobody", n)
		}
		return nil
	})
}

// countAll counts what it is told.
type countAll struct{ n int }

func (c *countAll) Observe(*inspect.Event) { c.n++ }

// Another Observer is told of all that happens, below or above the one of the streams, though that has no room for it.
func TestAReaderTakesNothingFromOtherObservers(t *testing.T) {
	for _, above := range []bool{false, true} {
		run(t, func(ctx context.Context) error {
			tick := make(chan time.Time)
			l := running(ctx)
			var other countAll
			if !above {
				l.SetObserver(&other)
			}
			r, release, made := stuckStream(t, ctx, introspect.Handler(l, introspect.Tick(tick)), tick)
			if above {
				l.SetObserver(inspect.Tee(l.Observer(), &other))
			}
			told := other.n
			yields(ctx, 2*introspect.RingSize)
			if n := other.n - told; n != 2*introspect.RingSize {
				t.Errorf("above: %v: the other one was told of %d events", above, n)
			}
			release()
			r.end()
			if got, missing := r.took(t); got != introspect.RingSize || got+missing != made+2*introspect.RingSize {
				t.Errorf("above: %v: the reader got %d events, and %d are missing", above, got, missing)
			}
			return nil
		})
	}
}

// What is sent is the JSON of a Message, and in it each kind of event as an EventInfo.
func TestEventsAsTheyAreSent(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tick := make(chan time.Time)
		r := stream(ctx, introspect.Handler(running(ctx), introspect.Tick(tick)), nil)
		failing := spawn(ctx, `a "quoted" <name>`, func(ctx context.Context) error { return errors.New("two\nlines") })
		sleeper := spawn(ctx, "sleeper", func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) })
		waiter := spawn(ctx, "waiter", func(ctx context.Context) error { return waitFor(ctx, sleeper) })
		_ = asyncio.Yield(ctx)
		_ = asyncio.Yield(ctx)
		_ = failing.Exception() // it is read
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
		var what lines
		for i, line := range r.lines {
			d := json.NewDecoder(bytes.NewReader(line))
			d.DisallowUnknownFields()
			var m introspect.Message
			if err := d.Decode(&m); err != nil {
				t.Errorf("%v: %s", err, line)
			}
			if again, err := json.Marshal(m); i > 0 && (err != nil || string(again)+"\n" != string(line)) {
				t.Errorf("sent:\n%swhich is (%v)\n%s", line, err, again)
			}
			for _, e := range m.Events {
				switch e.Kind {
				case inspect.TaskCreated:
					what.add("%s #%d by #%d", e.Name, e.Task, e.ByTask)
				case inspect.TaskCancelAsked:
					what.add("cancel of #%d by %s (#%d) through %v: %s", e.Task, e.By, e.ByTask, e.Through, e.Message)
				case inspect.TaskEnded:
					what.add("#%d %s %s", e.Task, e.Outcome, e.Error)
				case inspect.QueueGrew:
					what.add("%s %d", e.Object, e.Size)
				case inspect.TaskSuspended:
					if e.Waits != nil {
						text, _, _ := strings.Cut(e.Waits.String(), " at ") // a line of this file
						what.add("#%d waits: %s %v", e.Task, text, e.Waits.Tasks)
					}
				}
			}
		}
		what.want(t,
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

func aJob(context.Context) (int, error) { return 0, nil }
