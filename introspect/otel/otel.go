// Package otel makes spans of OpenTelemetry of the tasks on a loop.
//
//	r := asyncio.Runner{Observer: asynciootel.Tasks(otel.GetTracerProvider())}
//
// It is a module of its own, since it requires go.opentelemetry.io/otel. Import it as asynciootel, beside that.
package otel

import (
	"errors"
	"fmt"
	"strings"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// The attributes of a task's span, and of its events and links.
const (
	TaskID       = attribute.Key("asyncio.task.id")       // the number of the task: see [inspect.Task]
	Outcome      = attribute.Key("asyncio.outcome")       // result, error, cancelled
	CancelReason = attribute.Key("asyncio.cancel.reason") // of one that ended cancelled: what the CancelledError says
	CancelBy     = attribute.Key("asyncio.cancel.by")     // who asked: a task, a timeout, a group
	Awaits       = attribute.Key("asyncio.awaits")        // of the event "await": the name of the task awaited, or of some of several; of its links, of each
	Through      = attribute.Key("asyncio.through")       // of both, where the await is no direct one: gather, group, shield, wait, ...
)

// Tasks returns an Observer that has a span for each task, from its creation to its end, with the task's name. Each
// loop needs one of its own.
//
// The span is under the one in the ctx given to what made the task, if the program put one there, or else under that of the task that
// made it, or else under that in the ctx given to Run. It is in the task's ctx, so that what the task starts there is under it.
// A task that awaits others, directly or through a gather, a group, a shield and the like, has an event "await", and a link to the span of each
// that is not under its own, a hundred at most. A request to cancel is an event "cancel asked", and the start an event "started".
//
// A task that fails has the status Error and the error as an event, a panic's with its stack. One that is cancelled has not failed: its
// outcome and the reason are attributes.
func Tasks(provider trace.TracerProvider) inspect.Observer {
	return &tasks{tracer: provider.Tracer("example.com/asyncio/introspect/otel"), spans: map[inspect.Task]*taskSpan{}}
}

type tasks struct {
	tracer trace.Tracer
	spans  map[inspect.Task]*taskSpan
}

type taskSpan struct {
	trace.Span
	outer  trace.SpanContext // in the values that the task was made with
	parent trace.SpanID
	linked map[trace.SpanID]bool // those awaited; a link for each is enough
}

func (o *tasks) Observe(e *inspect.Event) {
	if e.Kind == inspect.TaskCreated {
		o.created(e)
		return
	}
	span := o.spans[e.Task]
	if span == nil {
		return // made before, or no task
	}
	switch e.Kind {
	case inspect.TaskStarted:
		span.AddEvent("started")
	case inspect.TaskSuspended:
		if e.On != nil {
			o.awaits(span, e.On)
		}
	case inspect.TaskCancelAsked:
		span.AddEvent("cancel asked", trace.WithAttributes(CancelBy.String(byText(e.By))))
	case inspect.TaskEnded:
		span.ended(e)
		delete(o.spans, e.Task)
	}
}

func (o *tasks) created(e *inspect.Event) {
	s := &taskSpan{outer: trace.SpanContextFromContext(e.Ctx)}
	above := e.Ctx
	if by, ok := e.By.(inspect.Task); ok {
		if maker := o.spans[by]; maker != nil && maker.outer.Equal(s.outer) {
			above = trace.ContextWithSpan(e.Ctx, maker.Span)
		}
	}
	s.parent = trace.SpanContextFromContext(above).SpanID()
	_, s.Span = o.tracer.Start(above, e.Task.Name(), trace.WithAttributes(TaskID.Int64(int64(e.Task.ID()))))
	o.spans[e.Task] = s
	e.Ctx = trace.ContextWithSpan(e.Ctx, s.Span)
}

// maxLinks is how many of the tasks are looked at that one awaits at a time. The SDK keeps as many links of a span, unless it is told otherwise.
const maxLinks = 128

func (o *tasks) awaits(s *taskSpan, on inspect.Future) {
	through := attribute.KeyValue{}
	var all []inspect.Task
	if task, ok := on.(inspect.Task); ok {
		all = append(all, task)
	} else {
		reason := on.WaitReason()
		through = Through.String(reason.Kind.String())
		all = appendTasks(nil, reason.Futures, 1)
	}
	if len(all) == 0 {
		return // for a timer, say
	}
	attributes := func(awaited string) []attribute.KeyValue {
		if through.Valid() {
			return []attribute.KeyValue{Awaits.String(awaited), through}
		}
		return []attribute.KeyValue{Awaits.String(awaited)}
	}
	s.AddEvent("await", trace.WithAttributes(attributes(namesOf(all))...))
	for _, task := range all {
		to := o.spans[task]
		if to == nil || to.parent == s.SpanContext().SpanID() || s.linked[to.SpanContext().SpanID()] || len(s.linked) == maxLinks {
			continue
		}
		if s.linked == nil {
			s.linked = map[trace.SpanID]bool{}
		}
		s.linked[to.SpanContext().SpanID()] = true
		s.AddLink(trace.Link{SpanContext: to.SpanContext(), Attributes: attributes(task.Name())})
	}
}

// appendTasks appends those of the tasks that have not ended whose ends it takes to end all of fs. A gather may be of gathers; how deep bounds
// what would be a circle.
func appendTasks(all []inspect.Task, fs []inspect.Future, depth int) []inspect.Task {
	for _, f := range fs {
		task, ok := f.(inspect.Task)
		switch {
		case len(all) == maxLinks:
			return all
		case f.Done():
		case ok:
			all = append(all, task)
		case depth < 10:
			all = appendTasks(all, f.WaitReason().Futures, depth+1)
		}
	}
	return all
}

// namesOf returns the names of tasks: a, b, c and 2 more.
func namesOf(all []inspect.Task) string {
	const most = 3
	var names []string
	for _, task := range all[:min(len(all), most)] {
		names = append(names, task.Name())
	}
	text := strings.Join(names, ", ")
	if more := len(all) - most; len(all) == maxLinks {
		text += " and more"
	} else if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (s *taskSpan) ended(e *inspect.Event) {
	switch {
	case e.Err == nil:
		s.SetAttributes(Outcome.String("result"))
	case e.Task.Cancelled():
		s.SetAttributes(Outcome.String("cancelled"), CancelReason.String(e.Err.Error()))
		if c := (*asyncio.CancelledError)(nil); errors.As(e.Err, &c) && c.By() != "" {
			s.SetAttributes(CancelBy.String(c.By()))
		}
	default:
		s.failed(e.Err)
	}
	s.End()
}

func (s *taskSpan) failed(err error) {
	text, _, _ := strings.Cut(err.Error(), "\n") // a panic's has the stack, a group's many errors
	s.SetAttributes(Outcome.String("error"))
	s.SetStatus(codes.Error, text)
	p, ok := err.(*asyncio.PanicError)
	if !ok {
		s.RecordError(err)
		return
	}
	s.AddEvent("exception", trace.WithAttributes(
		attribute.String("exception.type", fmt.Sprintf("%T", p)),
		attribute.String("exception.message", text),
		attribute.String("exception.stacktrace", string(p.Stack)),
	))
}

// byText says who did something: a task by its name, a block as it prints.
func byText(by any) string {
	switch by := by.(type) {
	case nil:
		return ""
	case interface{ Name() string }:
		return by.Name()
	}
	return fmt.Sprint(by)
}
