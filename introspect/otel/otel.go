// Package otel creates OpenTelemetry spans for the tasks of a loop.
//
//	r := asyncio.Runner{Observer: asynciootel.Tasks(otel.GetTracerProvider())}
//
// It is a separate module, since it requires go.opentelemetry.io/otel. Import it as
// asynciootel, beside that package.
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
	TaskID       = attribute.Key("asyncio.task.id")       // the ID of the task: see [inspect.Task]
	Outcome      = attribute.Key("asyncio.outcome")       // result, error, cancelled
	CancelReason = attribute.Key("asyncio.cancel.reason") // the text of the CancelledError of a cancelled task
	CancelBy     = attribute.Key("asyncio.cancel.by")     // what requested the cancel: a task, a timeout, a group
	Awaits       = attribute.Key("asyncio.awaits")        // of an event "await": the names of the awaited tasks, of many only some; of its links: the name of the task
	Through      = attribute.Key("asyncio.through")       // of both, if the await is not direct: gather, group, shield, wait, ...
)

// Tasks returns an Observer that creates a span for each task. Each loop needs its own.
//
//   - The span lasts from the task's creation to its end and has the task's name.
//   - Its parent is the span in the ctx that the task was created with, if the program
//     put one there. Otherwise it is the span of the creating task, or the span in the
//     ctx of Run.
//   - The span is in the task's ctx, so that spans that the task starts are below it.
//   - Events of the span are "started", "await" and "cancel asked".
//   - If the task awaits tasks, directly or through a gather, a group, a shield and the
//     like, the span has links to their spans, except those directly below it. It has at
//     most 128 links.
//   - The span of a failed task has the status Error and the error as an event, with the
//     stack of a panic. A cancelled task has not failed: its outcome and the reason are
//     attributes.
func Tasks(provider trace.TracerProvider) inspect.Observer {
	return &tasks{tracer: provider.Tracer("example.com/asyncio/introspect/otel"), spans: map[inspect.Task]*taskSpan{}}
}

type tasks struct {
	tracer trace.Tracer
	spans  map[inspect.Task]*taskSpan
}

type taskSpan struct {
	trace.Span
	outer  trace.SpanContext     // the span in the ctx that the task was created with
	parent trace.SpanID          // the parent of the span
	linked map[trace.SpanID]bool // the spans that the span has a link to; nil: none
}

func (o *tasks) Observe(e *inspect.Event) {
	if e.Kind == inspect.TaskCreated {
		o.created(e)
		return
	}
	span := o.spans[e.Task]
	if span == nil {
		return // created before the Observer was set, or the event has no task
	}
	switch e.Kind {
	case inspect.TaskStarted:
		span.AddEvent("started")
	case inspect.TaskSuspended:
		if e.On != nil {
			o.awaits(span, e.On)
		}
	case inspect.TaskCancelAsked:
		span.AddEvent("cancel asked", trace.WithAttributes(CancelBy.String(inspect.CauseText(e.By))))
	case inspect.TaskEnded:
		span.ended(e)
		delete(o.spans, e.Task)
	}
}

func (o *tasks) created(e *inspect.Event) {
	s := &taskSpan{outer: trace.SpanContextFromContext(e.Ctx)}
	above := e.Ctx
	if by, ok := e.By.(inspect.Task); ok {
		if creator := o.spans[by]; creator != nil && creator.outer.Equal(s.outer) {
			above = trace.ContextWithSpan(e.Ctx, creator.Span)
		}
	}
	s.parent = trace.SpanContextFromContext(above).SpanID()
	_, s.Span = o.tracer.Start(above, e.Task.Name(), trace.WithAttributes(TaskID.Int64(int64(e.Task.ID()))))
	o.spans[e.Task] = s
	e.Ctx = trace.ContextWithSpan(e.Ctx, s.Span)
}

// maxLinks is the number of links of a span, and of tasks that are examined for each
// await. It is the default limit of the SDK.
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
		return // it awaits no task, but for example a timer
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

// appendTasks appends the unfinished tasks that fs wait for, directly or through futures
// such as nested gathers. The limit of depth ends the recursion in a cycle.
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
	text, _, _ := strings.Cut(err.Error(), "\n") // the rest may be a stack, or the errors of a group
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
