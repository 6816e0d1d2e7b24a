package introspect

import (
	"encoding/json"
	"strconv"

	"example.com/asyncio/inspect"
)

// This file encodes a [Message] with events, each as an [inspect.EventInfo]. The output
// is that of package encoding/json, which takes ten times as long for an event.

// appendEvents appends the line of a batch. seq is the number of its first event, missing
// the number of events that are missing before it.
func appendEvents(b []byte, seq, missing uint64, batch *batch) []byte {
	b = append(b, `{"kind":"`+KindEvents+`"`...)
	b = appendNumber(b, "seq", seq)
	b = appendNumber(b, "dropped", missing)
	for i := range batch.events {
		if i == 0 {
			b = append(b, `,"events":[`...)
		} else {
			b = append(b, ',')
		}
		b = batch.events[i].append(b, batch.more[i])
	}
	if len(batch.events) > 0 {
		b = append(b, ']')
	}
	return append(b, '}', '\n')
}

var noMore eventMore

func (e *event) append(b []byte, m *eventMore) []byte {
	if m == nil {
		m = &noMore
	}
	b = append(b, `{"kind":"`...)
	b = append(b, e.kind.String()...)
	b = append(b, `","time":`...)
	b = strconv.AppendInt(b, int64(e.time), 10)
	b = appendNumber(b, "task", e.task)
	b = appendText(b, "name", m.name)
	b = appendText(b, "by", m.by)
	b = appendNumber(b, "by_task", e.byTask)
	b = appendNumbers(b, "through", m.through...)
	if e.waits != 0 {
		b = e.appendWaits(b, m.object)
	}
	b = appendText(b, "message", m.message)
	b = appendText(b, "outcome", m.outcome)
	b = appendText(b, "error", m.err)
	if e.kind == inspect.QueueGrew {
		b = appendText(b, "object", m.object)
		b = appendNumber(b, "size", uint64(m.size))
	}
	return append(b, '}')
}

func (e *event) appendWaits(b []byte, what string) []byte {
	b = append(b, `,"waits":{"kind":"`...)
	b = append(b, e.waits.String()...)
	b = append(b, '"')
	b = appendText(b, "what", what)
	if e.on != 0 {
		b = appendNumbers(b, "tasks", e.on)
	}
	b = appendNumber(b, "until", uint64(e.until))
	return append(b, '}')
}

// appendNumber appends a field, as omitempty does.
func appendNumber(b []byte, name string, n uint64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendUint(appendName(b, name), n, 10)
}

func appendNumbers(b []byte, name string, all ...uint64) []byte {
	if len(all) == 0 {
		return b
	}
	b = append(appendName(b, name), '[')
	for i, n := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, n, 10)
	}
	return append(b, ']')
}

func appendText(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	b = appendName(b, name)
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&': // may need escaping
			quoted, _ := json.Marshal(text)
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

func appendName(b []byte, name string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	return append(b, '"', ':')
}
