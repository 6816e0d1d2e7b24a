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

// tick is the unit of a program's time.
const tick = 1_000_000 // 1 ms, so that the text of an error is readable

// emit adds an event to the trace: who acts, and what happened.
func (p *player) emit(who string, what ...any) {
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
	for _, part := range what {
		p.trace = append(p.trace, ',')
		p.trace = appendJSON(p.trace, part, ",")
	}
	p.trace = append(p.trace, ']')
}

// state is the state of a future, and of one that is done the outcome.
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

// plain is a result as a trace has it.
func (p *player) plain(value any) any {
	left := maxEvents // results of gathers hold each other, and may be much longer than their program
	v := outline(value, &left)
	if left < 0 {
		p.giveUp()
		return nil
	}
	return v
}

func outline(value any, left *int) any {
	if *left--; *left < 0 {
		return nil
	}
	var parts []any
	switch v := value.(type) {
	case asyncio.Result[any]:
		if v.Err != nil {
			return describe(v.Err)
		}
		return outline(v.Value, left)
	case []asyncio.Result[any]:
		for _, part := range v {
			parts = append(parts, outline(part, left))
		}
	case []any:
		for _, part := range v {
			parts = append(parts, outline(part, left))
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

// appendJSON writes v as Python's json.dumps does with this separator.
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
	panic(fmt.Sprintf("a trace cannot hold a %T", v))
}

// appendString writes s in quotes, in ASCII only.
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
