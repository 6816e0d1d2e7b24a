package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"example.com/asyncio"
)

// tick is the unit of time in programs. It is 1 ms, for readable error texts.
const tick = 1_000_000

// emit adds an event to the trace. who is the label of the task or callback that acts.
func (p *player) emit(who string, event ...any) {
	if p.limited {
		return
	}
	if p.events++; p.events > maxEvents {
		p.giveUp()
		return
	}
	if len(p.trace) > 0 {
		p.trace = append(p.trace, ',')
	}
	p.trace = append(p.trace, '[')
	p.trace = strconv.AppendInt(p.trace, int64(p.loop.Time()/tick), 10)
	p.trace = append(p.trace, ',')
	p.trace = appendString(p.trace, who)
	for _, part := range event {
		p.trace = append(p.trace, ',')
		p.trace = appendJSON(p.trace, part, ",")
	}
	p.trace = append(p.trace, ']')
}

// state describes the state of a future. The state of a done future includes its outcome.
func (p *player) state(f asyncio.AnyFuture) string {
	switch {
	case !f.Done():
		return "pending"
	case f.Cancelled():
		return "cancelled"
	}
	value, err := f.AnyResult()
	if err != nil {
		return describe(err)
	}
	return "ok:" + string(appendJSON(nil, p.plain(value), ", "))
}

// plain returns the form of a result in traces.
func (p *player) plain(value any) any {
	budget := maxEvents // nested gathers can double their results with each statement
	v := outline(value, &budget)
	if budget < 0 {
		p.giveUp()
		return nil
	}
	return v
}

// outline converts a value for plain. It stops when the budget of values is exhausted.
func outline(value any, budget *int) any {
	if *budget--; *budget < 0 {
		return nil
	}
	var parts []any
	switch v := value.(type) {
	case asyncio.Result[any]:
		if v.Err != nil {
			return describe(v.Err)
		}
		return outline(v.Value, budget)
	case []asyncio.Result[any]:
		for _, part := range v {
			parts = append(parts, outline(part, budget))
		}
	case []any:
		for _, part := range v {
			parts = append(parts, outline(part, budget))
		}
	case map[string]any:
		return "dict"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "float"
		}
		return v
	default:
		return v
	}
	return parts
}

// appendJSON appends v as formatted by Python's json.dumps with this separator.
func appendJSON(b []byte, v any, separator string) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case json.Number:
		return append(b, v...)
	case string:
		return appendString(b, v)
	case []string:
		b = append(b, '[')
		for i, part := range v {
			if i > 0 {
				b = append(b, separator...)
			}
			b = appendString(b, part)
		}
		return append(b, ']')
	case []any:
		b = append(b, '[')
		for i, part := range v {
			if i > 0 {
				b = append(b, separator...)
			}
			b = appendJSON(b, part, separator)
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for i, key := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b = append(b, separator...)
			}
			b = append(appendString(b, key), ':')
			b = appendJSON(b, v[key], separator)
		}
		return append(b, '}')
	}
	panic(fmt.Sprintf("conformance: append to trace: unsupported type %T", v))
}

// appendString appends s in quotes and escapes all characters outside ASCII.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\b':
			b = append(b, `\b`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r >= ' ' && r < 0x80:
			b = append(b, byte(r))
		case r < 0x10000:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		}
	}
	return append(b, '"')
}
