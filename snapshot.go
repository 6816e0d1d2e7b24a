package asyncio

import (
	"context"

	"example.com/asyncio/inspect"
)

// Snapshot returns a picture of the loop. It is for the code that runs on it, or who holds the loop while it
// does not run; [Loop.SnapshotThreadsafe] is for all others.
func (l *Loop) Snapshot() *inspect.Snapshot {
	if l.debug {
		l.mustBeHere("Snapshot")
	}
	r := l.size().room()
	r.collect(l)
	return r.render()
}

// SnapshotThreadsafe returns a picture of the loop, which runs. Any goroutine but the loop's may call it, and waits until
// the loop has come to it. The loop only notes what there is, which takes it some milliseconds for 100,000 tasks; the texts
// are made on the caller's time. Its errors: that of ctx, if that ends before, as it may with a loop that
// is blocked or does not run; [ErrLoopClosed].
func (l *Loop) SnapshotThreadsafe(ctx context.Context) (*inspect.Snapshot, error) {
	// To get the memory takes as long as to fill it; so the loop is first asked for how much.
	size, err := onLoop(ctx, l, func() (snapshotSize, error) { return l.size(), nil })
	if err != nil {
		return nil, err
	}
	r := size.room()
	if _, err := onLoop(ctx, l, func() (None, error) { r.collect(l); return None{}, nil }); err != nil {
		return nil, err
	}
	return r.render(), nil
}
