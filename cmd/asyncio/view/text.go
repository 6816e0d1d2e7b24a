// Package view renders the data of package model as text: tables, trees, and the screens
// of top.
package view

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// Clean replaces each unprintable character of s, since names and texts come from another
// program and may contain escape sequences.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// round rounds d to about three digits.
func round(d time.Duration) string {
	unit := time.Nanosecond
	for unit < time.Second && d.Abs() >= 1000*unit {
		unit *= 1000
	}
	if d.Abs() >= 10*time.Second {
		return d.Round(time.Second).String()
	}
	return d.Round(max(1, unit/100)).String()
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// waitText describes what t waits for, and the remaining time of a timer. The tasks are
// those of its snapshot.
func waitText(t *inspect.TaskInfo, tasks map[uint64]*inspect.TaskInfo, now time.Duration) string {
	w := t.Waits
	if w == nil {
		return ""
	}
	s := w.Kind.String()
	switch w.Kind {
	case inspect.ForTimer:
		s = "timer, " + round(w.Until-now) + " left"
	case inspect.ForTask:
		if len(w.Tasks) == 0 {
			s += " " + Clean(w.What)
		}
	case inspect.ForFuture:
	default:
		if w.What != "" {
			s += " " + Clean(w.What)
		}
	}
	switch {
	case w.Holder != 0:
		s += fmt.Sprintf(" held by %s #%d", Clean(w.HolderName), w.Holder)
	case w.HolderName != "":
		s += " held by " + Clean(w.HolderName) + ", which has ended"
	}
	if w.Kind != inspect.ForTask && len(w.Tasks) > 0 {
		s += ":"
	}
	return s + firstTasks(w.Tasks, tasks)
}

// firstTasks lists the first three of the tasks ids, after a space.
func firstTasks(ids []uint64, tasks map[uint64]*inspect.TaskInfo) string {
	const few = 3
	var names []string
	for i, id := range ids {
		if i == few {
			names = append(names, fmt.Sprintf("and %d more", len(ids)-few))
			break
		}
		if t := tasks[id]; t != nil {
			names = append(names, label(t))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " " + strings.Join(names, ", ")
}

// cancelText describes the last cancel request of t.
func cancelText(t *inspect.TaskInfo) string {
	if t.Cancel == nil {
		return ""
	}
	if t.Cancel.Pending {
		return Clean(t.Cancel.Reason) + " (not received yet)"
	}
	return Clean(t.Cancel.Reason)
}

// sentence returns the rule and the text of f.
func sentence(f introspect.Finding) string {
	if rule, _, ok := strings.Cut(f.Text, ":"); ok && strings.EqualFold(rule, f.Rule) {
		return Clean(f.Text)
	}
	return Clean(f.Rule + ": " + f.Text)
}
