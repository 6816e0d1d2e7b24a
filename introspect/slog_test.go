package introspect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/slogtest"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// textLog returns a logger with the handler, and its output without the time.
func textLog() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	h := slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return slog.New(introspect.SlogHandler(h)), &b
}

// A line that is logged with a task's ctx names the task, also in groups, blocks and
// jobs. Other lines are unchanged.
func TestSlogHandler(t *testing.T) {
	log, b := textLog()
	log.Info("before")
	under(t, nil, func(ctx context.Context) error {
		log.InfoContext(ctx, "plain", "n", 1)
		log.With("a", 1).InfoContext(ctx, "with an attribute")
		log.With("a", 1).WithGroup("g").With("b", 2).InfoContext(ctx, "in a group", "c", 3)
		log.WithGroup("").InfoContext(ctx, "in no group")
		_, err := asyncio.ToThread(ctx, func(ctx context.Context) (int, error) {
			log.InfoContext(ctx, "job")
			return 0, nil
		})
		loop, _ := asyncio.RunningLoop(ctx)
		loop.CallSoon(func(ctx context.Context) { log.InfoContext(ctx, "callback") })
		_ = asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			log.InfoContext(ctx, "block")
			return nil
		})
		_ = asyncio.Yield(ctx)
		return err
	})
	want := `level=INFO msg=before
level=INFO msg=plain n=1 task=main
level=INFO msg="with an attribute" a=1 task=main
level=INFO msg="in a group" a=1 task=main g.b=2 g.c=3
level=INFO msg="in no group" task=main
level=INFO msg=job task=main
level=INFO msg=block task=main
level=INFO msg=callback
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b, want)
	}
}

// Loggers derived from the same logger do not share their attributes.
func TestSlogHandlerBranches(t *testing.T) {
	log, b := textLog()
	under(t, nil, func(ctx context.Context) error {
		g := log.WithGroup("g").With("x", 0)
		one, two := g.With("one", 1), g.With("two", 2)
		one.InfoContext(ctx, "1")
		two.InfoContext(ctx, "2")
		return nil
	})
	want := "level=INFO msg=1 task=main g.x=0 g.one=1\nlevel=INFO msg=2 task=main g.x=0 g.two=2\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b, want)
	}
}

// The handler satisfies the contract of slog.Handler, outside tasks and in a task.
func TestSlogHandlerContract(t *testing.T) {
	var b bytes.Buffer
	results := func() (all []map[string]any) {
		for line := range bytes.Lines(b.Bytes()) {
			m := map[string]any{}
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		return all
	}
	h := introspect.SlogHandler(slog.NewJSONHandler(&b, nil))
	if err := slogtest.TestHandler(h, results); err != nil {
		t.Error(err)
	}
	under(t, nil, func(ctx context.Context) error {
		b.Reset()
		return slogtest.TestHandler(inTask{h, ctx}, results)
	})
	if !bytes.Contains(b.Bytes(), []byte(`"task":"main"`)) {
		t.Errorf("no line names the task:\n%s", &b)
	}
}

// inTask passes on all records with the ctx of a task.
type inTask struct {
	slog.Handler
	ctx context.Context
}

func (h inTask) Handle(_ context.Context, r slog.Record) error { return h.Handler.Handle(h.ctx, r) }
func (h inTask) WithAttrs(a []slog.Attr) slog.Handler          { return inTask{h.Handler.WithAttrs(a), h.ctx} }
func (h inTask) WithGroup(name string) slog.Handler            { return inTask{h.Handler.WithGroup(name), h.ctx} }

// A job may log while the loop changes the name of its task.
func TestSlogHandlerInAJobWhileTheNameChanges(t *testing.T) {
	run(t, func(ctx context.Context) error {
		log, out := textLog()
		begun := make(chan bool)
		worker := spawn(ctx, "before", func(ctx context.Context) error {
			_, err := asyncio.ToThread(ctx, func(ctx context.Context) (asyncio.None, error) {
				close(begun)
				log.InfoContext(ctx, "at work")
				return asyncio.None{}, nil
			})
			return err
		})
		_ = asyncio.Yield(ctx)
		<-begun
		worker.SetName("after")
		_, err := worker.Await(ctx)
		if got := out.String(); got != "level=INFO msg=\"at work\" task=before\n" && got != "level=INFO msg=\"at work\" task=after\n" {
			t.Errorf("the log is %q", got)
		}
		return err
	})
}
