package introspect

import (
	"context"
	"log/slog"

	"example.com/asyncio"
)

// SlogHandler returns a handler that adds to each record the attribute "task", the name of the task in whose ctx it is
// written, and gives it to h. Records without a ctx, or under one that comes from no task, are left as they are.
//
//	slog.SetDefault(slog.New(introspect.SlogHandler(slog.NewTextHandler(os.Stderr, nil))))
//
// Jobs of ToThread have their task's ctx, and so its name. The attribute stands at the top, whatever groups the logger has opened.
func SlogHandler(h slog.Handler) slog.Handler { return slogHandler{Handler: h, plain: h} }

type slogHandler struct {
	slog.Handler              // with all groups and attributes
	plain        slog.Handler // before the first group
	since        []func(slog.Handler) slog.Handler
}

// Handle adds the attribute. If a group is open, it must go before that: what h was asked for since is asked for again.
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
	h := s.plain.WithAttrs([]slog.Attr{slog.String("task", t.Name())})
	for _, ask := range s.since {
		h = ask(h)
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
	if name == "" { // none is opened then
		return s
	}
	return s.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (s slogHandler) with(ask func(slog.Handler) slog.Handler) slog.Handler {
	since := append(s.since[:len(s.since):len(s.since)], ask)
	return slogHandler{ask(s.Handler), s.plain, since}
}
