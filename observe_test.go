package asyncio_test

import (
	"encoding/json"
	"testing"

	"example.com/asyncio"
)

// The kinds of events and of waits are words in JSON, and come back from it; a word that is none is refused.
func TestKindsAreWordsInJSON(t *testing.T) {
	for kind := asyncio.TaskCreated; kind <= asyncio.QueueGrew; kind++ {
		text, err := json.Marshal(kind)
		var back asyncio.EventKind
		if err2 := json.Unmarshal(text, &back); err != nil || err2 != nil || back != kind || string(text) != `"`+kind.String()+`"` {
			t.Errorf("%v became %s and then %v (%v, %v)", kind, text, back, err, err2)
		}
	}
	for kind := asyncio.ForFuture; kind <= asyncio.ForOther; kind++ {
		text, err := json.Marshal(kind)
		var back asyncio.WaitKind
		if err2 := json.Unmarshal(text, &back); err != nil || err2 != nil || back != kind || string(text) != `"`+kind.String()+`"` {
			t.Errorf("%v became %s and then %v (%v, %v)", kind, text, back, err, err2)
		}
	}
	var event asyncio.EventKind
	wantErr(t, json.Unmarshal([]byte(`"eaten"`), &event), asyncio.ErrValue, `no kind of event is "eaten"`)
	var wait asyncio.WaitKind
	wantErr(t, json.Unmarshal([]byte(`"bus"`), &wait), asyncio.ErrValue, `no kind of wait is "bus"`)
	if got := asyncio.EventKind(99).String() + asyncio.WaitKind(98).String(); got != "9998" {
		t.Errorf("numbers that are no kind print as %q", got)
	}
}

// Tee passes an event on to each, in order; of none it makes none, of one that one.
func TestTee(t *testing.T) {
	var r record
	a := observerFunc(func(e *asyncio.LoopEvent) { r.add("a %v", e.Kind) })
	b := observerFunc(func(e *asyncio.LoopEvent) { r.add("b %v", e.Kind) })
	if asyncio.Tee(nil, nil) != nil {
		t.Error("Tee of none is one")
	}
	asyncio.Tee(nil, a).Observe(&asyncio.LoopEvent{Kind: asyncio.TaskCreated})
	asyncio.Tee(b, nil, asyncio.Tee(a, b)).Observe(&asyncio.LoopEvent{Kind: asyncio.TaskEnded})
	r.want(t, "a created", "b ended", "a ended", "b ended")
}

// An observerFunc is a function that is an Observer.
type observerFunc func(e *asyncio.LoopEvent)

func (f observerFunc) Observe(e *asyncio.LoopEvent) { f(e) }
