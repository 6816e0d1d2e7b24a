package otel_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	asynciootel "example.com/asyncio/introspect/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// spans runs main as the task main, with a tracer and a ctx that has a span of the
// program. It returns all spans in order of their start.
func spans(t *testing.T, main func(ctx context.Context, tracer trace.Tracer) error) tracetest.SpanStubs {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter))
	tracer := provider.Tracer("the program")
	ctx, request := tracer.Start(context.Background(), "request")
	r := asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true, Observer: asynciootel.Tasks(provider)}
	err := r.Run(ctx, func(ctx context.Context) error { return main(ctx, tracer) }, asyncio.WithName("main"))
	if err := errors.Join(err, r.Close()); err != nil {
		t.Error(err)
	}
	request.End()
	all := exporter.GetSpans()
	slices.SortStableFunc(all, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	return all
}

var position = regexp.MustCompile(`\w+\.go:\d+`)

// want fails the test unless the spans are these. The line of a span has its name,
// parent, status, attributes and links. A line for each event follows.
func want(t *testing.T, spans tracetest.SpanStubs, lines ...string) {
	t.Helper()
	names := map[trace.SpanID]string{}
	for _, s := range spans {
		names[s.SpanContext.SpanID()] = s.Name
	}
	var got []string
	for _, s := range spans {
		line := s.Name
		if s.Parent.IsValid() {
			line += " under " + names[s.Parent.SpanID()]
		}
		if s.Status.Code != 0 {
			line += fmt.Sprintf(", %v: %s", s.Status.Code, s.Status.Description)
		}
		for _, a := range s.Attributes {
			if a.Key != asynciootel.TaskID {
				line += fmt.Sprintf(", %s=%s", a.Key, a.Value.String())
			}
		}
		for _, l := range s.Links {
			line += ", link to " + names[l.SpanContext.SpanID()]
		}
		got = append(got, position.ReplaceAllString(line, "FILE:LINE"))
		for _, e := range s.Events {
			line := "- " + e.Name
			for _, a := range e.Attributes {
				if a.Key != "exception.stacktrace" {
					line += fmt.Sprintf(", %s=%s", a.Key, a.Value.String())
				} else if strings.Contains(a.Value.AsString(), "otel_test.panics") {
					line += ", with the stack"
				}
			}
			got = append(got, position.ReplaceAllString(line, "FILE:LINE"))
		}
	}
	if !slices.Equal(got, lines) {
		t.Errorf("spans:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

// The parent of a task's span is the span of the creating task, or the span that the
// program has started for it. Spans that the task starts are below it.
func TestSpanParents(t *testing.T) {
	all := spans(t, func(ctx context.Context, tracer trace.Tracer) error {
		child := asyncio.Go(ctx, func(ctx context.Context) error {
			_, query := tracer.Start(ctx, "query")
			query.End()
			return nil
		}, asyncio.WithName("child"))
		own, step := tracer.Start(ctx, "step")
		defer step.End()
		other := asyncio.Go(own, func(context.Context) error { return nil }, asyncio.WithName("in a step"))
		_, err := asyncio.Gather(ctx, child, other).Await(ctx)
		return err
	})
	want(t, all,
		"request",
		"main under request, asyncio.outcome=result, link to in a step",
		"- started",
		"- await, asyncio.awaits=child, in a step, asyncio.through=gather",
		"child under main, asyncio.outcome=result",
		"- started",
		"step under main",
		"in a step under step, asyncio.outcome=result",
		"- started",
		"query under child",
	)
}

func panics(context.Context) error { panic("oh") }

// The status and the attributes have the outcome. A cancelled task has not failed: its
// span has the cause and the reason. The span of a panic has the stack.
func TestSpanOutcomes(t *testing.T) {
	all := spans(t, func(ctx context.Context, _ trace.Tracer) error {
		loop, _ := asyncio.RunningLoop(ctx)
		loop.SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
		failing := asyncio.Go(ctx, func(context.Context) error { return errors.New("boom") }, asyncio.WithName("failing"))
		panicking := asyncio.Go(ctx, panics, asyncio.WithName("panicking"))
		cancelled := asyncio.Go(ctx, asyncio.Yield, asyncio.WithName("cancelled"))
		cancelled.CancelWith("no longer needed")
		_, _, _ = asyncio.Wait(ctx, []*asyncio.Task[asyncio.None]{failing, panicking, cancelled}, asyncio.AllCompleted)
		_ = failing.Exception()
		return nil
	})
	want(t, all,
		"request",
		"main under request, asyncio.outcome=result",
		"- started",
		"- await, asyncio.awaits=failing, panicking, cancelled, asyncio.through=wait",
		"failing under main, Error: boom, asyncio.outcome=error",
		"- started",
		"- exception, exception.type=*errors.errorString, exception.message=boom",
		"panicking under main, Error: asyncio: panic in task panicking (otel_test.panics() at FILE:LINE): oh, asyncio.outcome=error",
		"- started",
		"- exception, exception.type=*asyncio.PanicError, exception.message=asyncio: panic in task panicking (otel_test.panics() at FILE:LINE): oh, with the stack",
		"cancelled under main, asyncio.outcome=cancelled, asyncio.cancel.reason=asyncio: cancelled by main: no longer needed, asyncio.cancel.by=main",
		"- cancel asked, asyncio.cancel.by=main",
		"- started",
	)
}

// A task's span has one link to each awaited task that is not below it. Each await is an
// event.
func TestSpanLinks(t *testing.T) {
	all := spans(t, func(ctx context.Context, _ trace.Tracer) error {
		loop, _ := asyncio.RunningLoop(ctx)
		f := asyncio.NewFuture[int](ctx)
		a := asyncio.CreateTask(ctx, f.Await, asyncio.WithName("a"))
		b := asyncio.Go(ctx, func(ctx context.Context) error {
			short, stop := context.WithCancel(ctx) // its end ends the await, but not a
			loop.CallSoon(func(context.Context) { stop() })
			if _, err := a.Await(short); !errors.Is(err, context.Canceled) {
				return err
			}
			loop.CallSoon(func(context.Context) { _ = f.SetResult(1) })
			_, err := a.Await(ctx)
			return err
		}, asyncio.WithName("b"))
		_, err := b.Await(ctx)
		return err
	})
	want(t, all,
		"request",
		"main under request, asyncio.outcome=result",
		"- started",
		"- await, asyncio.awaits=b", // no link, since b is below main
		"a under main, asyncio.outcome=result",
		"- started",
		"b under main, asyncio.outcome=result, link to a",
		"- started",
		"- await, asyncio.awaits=a",
		"- await, asyncio.awaits=a",
	)
}

// awaitsIndirectly awaits tasks that await a, b, c and d through something else.
func awaitsIndirectly(ctx context.Context, _ trace.Tracer) error {
	wake := new(asyncio.Event)
	waiting := func(ctx context.Context) error { return wake.Wait(ctx) }
	var tasks []*asyncio.Task[asyncio.None]
	for _, name := range []string{"a", "b", "c", "d"} {
		tasks = append(tasks, asyncio.Go(ctx, waiting, asyncio.WithName(name)))
	}
	spawn := func(name string, fn func(ctx context.Context) error) {
		tasks = append(tasks, asyncio.Go(ctx, fn, asyncio.WithName(name)))
	}
	spawn("gathers", func(ctx context.Context) error {
		_, err := asyncio.Gather(ctx, asyncio.Gather(ctx, tasks[0], tasks[1]), asyncio.Gather(ctx, tasks[2], tasks[3])).Await(ctx)
		return err
	})
	spawn("shields", func(ctx context.Context) error {
		_, err := asyncio.Shield(ctx, tasks[0]).Await(ctx)
		return err
	})
	spawn("limits", func(ctx context.Context) error {
		return asyncio.Timeout(ctx, 1, func(ctx context.Context) error { // expires immediately
			_, err := asyncio.Shield(ctx, tasks[1]).Await(ctx)
			wake.Set()
			return err
		})
	})
	spawn("groups", func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(waiting, asyncio.WithName("child"))
			return nil
		})
	})
	_, _, err := asyncio.Wait(ctx, tasks, asyncio.AllCompleted)
	_ = tasks[6].Exception()
	return err
}

// Awaits through a gather, a nested gather, a shield, a group and a timeout have links
// too. An event lists only some of many tasks.
func TestSpanLinksOfIndirectAwaits(t *testing.T) {
	all := spans(t, awaitsIndirectly)
	want(t, all,
		"request",
		"main under request, asyncio.outcome=result",
		"- started",
		"- await, asyncio.awaits=a, b, c and 5 more, asyncio.through=wait",
		"a under main, asyncio.outcome=result",
		"- started",
		"b under main, asyncio.outcome=result",
		"- started",
		"c under main, asyncio.outcome=result",
		"- started",
		"d under main, asyncio.outcome=result",
		"- started",
		"gathers under main, asyncio.outcome=result, link to a, link to b, link to c, link to d",
		"- started",
		"- await, asyncio.awaits=a, b, c and 1 more, asyncio.through=gather",
		"shields under main, asyncio.outcome=result, link to a",
		"- started",
		"- await, asyncio.awaits=a, asyncio.through=shield",
		"limits under main, Error: asyncio: timed out after 1ns, asyncio.outcome=error, link to b",
		"- started",
		"- await, asyncio.awaits=b, asyncio.through=shield",
		"- cancel asked, asyncio.cancel.by=a timeout of 1ns",
		"- exception, exception.type=*asyncio.TimeoutError, exception.message=asyncio: timed out after 1ns",
		"groups under main, asyncio.outcome=result",
		"- started",
		"- await, asyncio.awaits=child, asyncio.through=group", // no link, since child is below groups
		"child under groups, asyncio.outcome=result",
		"- started",
	)
}

// A span has at most 128 links.
func TestSpanLinkLimit(t *testing.T) {
	all := spans(t, func(ctx context.Context, _ trace.Tracer) error {
		wake := new(asyncio.Event)
		var tasks []*asyncio.Task[asyncio.None]
		for range 1000 {
			tasks = append(tasks, asyncio.Go(ctx, func(ctx context.Context) error { return wake.Wait(ctx) }, asyncio.WithName("t")))
		}
		other := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := asyncio.Gather(ctx, tasks...).Await(ctx)
			return err
		}, asyncio.WithName("other"))
		_ = asyncio.Yield(ctx)
		wake.Set()
		_, err := other.Await(ctx)
		return err
	})
	i := slices.IndexFunc(all, func(s tracetest.SpanStub) bool { return s.Name == "other" })
	if n := len(all[i].Links); n != 128 {
		t.Errorf("got %d links, want 128", n)
	}
	if text := all[i].Events[1].Attributes[0].Value.AsString(); text != "t, t, t and more" {
		t.Errorf("the awaited tasks are %q", text)
	}
}
