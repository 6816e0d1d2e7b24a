package introspect

import (
	"context"
	"log/slog"

	"example.com/asyncio"
)

// SlogHandler returns a handler that adds the attribute "task" to each record and passes
// it to h. The attribute is the name of the task whose ctx the record is logged with.
//
//   - Records without a ctx, or with a ctx that belongs to no task, are passed on
//     unchanged.
//   - Jobs of ToThread have their task's ctx, and therefore its name.
//   - The attribute is at the top level, even if the logger has open groups.
//
// For example:
//
//	h := slog.NewTextHandler(os.Stderr, nil)
//	slog.SetDefault(slog.New(introspect.SlogHandler(h)))
func SlogHandler(h slog.Handler) slog.Handler { return slogHandler{Handler: h, top: h} }

type slogHandler struct {
	slog.Handler                                   // with all groups and attributes
	top          slog.Handler                      // as it was before the first group was opened
	since        []func(slog.Handler) slog.Handler // the groups and attributes added to top since then
}

// Handle adds the attribute. If a group is open, it adds the attribute to the handler
// without groups and then repeats all groups and attributes.
func (s slogHandler) Handle(ctx context.Context, r slog.Record) error {
	t := asyncio.TaskOf(ctx)
	switch {
	case t == nil:
		return s.Handler.Handle(ctx, r)
	case len(s.since) == 0:
		r = r.Clone()
		r.AddAttrs(slog.String("task", t.Name()))
		return s.Handler.Handle(ctx, r)
	}
	h := s.top.WithAttrs([]slog.Attr{slog.String("task", t.Name())})
	for _, add := range s.since {
		h = add(h)
	}
	return h.Handle(ctx, r)
}

func (s slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(s.since) == 0 {
		return SlogHandler(s.Handler.WithAttrs(attrs))
	}
	return s.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

func (s slogHandler) WithGroup(name string) slog.Handler {
	if name == "" { // package slog: this opens no group
		return s
	}
	return s.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (s slogHandler) with(add func(slog.Handler) slog.Handler) slog.Handler {
	since := append(s.since[:len(s.since):len(s.since)], add)
	return slogHandler{add(s.Handler), s.top, since}
}
