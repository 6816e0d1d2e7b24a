package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/cupwriter"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"example.com/asyncio"
)

// A meter counts the work done and the total work. It may be used from any goroutine.
type meter struct {
	files, bytes       atomic.Int64 // hashed
	allFiles, allBytes atomic.Int64 // total found so far
	counted            atomic.Bool  // the total is complete
	endless            bool         // the total is not counted; set at the start
}

// count counts the total work of w.
func (m *meter) count(ctx context.Context, w work) error {
	for {
		it, err := w.next(ctx)
		switch {
		case err == io.EOF:
			m.counted.Store(true)
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case it.err != nil:
			continue
		}
		m.allFiles.Add(1)
		m.allBytes.Add(it.size)
	}
}

// fileCost is the number of bytes that can be hashed in the time it takes to open a file.
const fileCost = 8 << 10

// effort returns the work done and the total work, in bytes. A file counts as fileCost
// bytes in addition to its size.
func (m *meter) effort() (done, all int64) {
	done = m.bytes.Load() + m.files.Load()*fileCost
	return done, max(done, m.allBytes.Load()+m.allFiles.Load()*fileCost)
}

// text returns the text beside the bar after the given time:
//
//	512/2048 files, 1.0 MiB of 4.0 MiB, 2.0 MiB/s, 2s left
func (m *meter) text(passed time.Duration) string {
	files, bytes := m.files.Load(), m.bytes.Load()
	rate := decor.SizeB1024(float64(bytes) / max(passed, time.Millisecond).Seconds())
	if m.endless {
		return fmt.Sprintf("%d files, % .1f, % .1f/s", files, decor.SizeB1024(bytes), rate)
	}
	more, left := "+", "counting"
	allFiles, allBytes := max(files, m.allFiles.Load()), max(bytes, m.allBytes.Load())
	if m.counted.Load() {
		more, left = "", "- left"
		if done, all := m.effort(); done > 0 {
			part := float64(done) / float64(all)
			left = fmt.Sprintf("%v left", time.Duration(float64(passed)*(1/part-1)).Round(time.Second))
		}
	}
	return fmt.Sprintf("%d/%d%s files, % .1f of % .1f%s, % .1f/s, %s", files, allFiles, more,
		decor.SizeB1024(bytes), decor.SizeB1024(allBytes), more, rate, left)
}

// A bar is a progress bar on a terminal. Lines written to it appear above the bar.
type bar struct {
	meter    *meter
	terminal io.Writer
	progress *mpb.Progress
	bar      *mpb.Bar

	mu      sync.Mutex // guards the field below
	stopped bool
}

const refresh = 100 * time.Millisecond

func newBar(terminal *os.File, m *meter) *bar {
	began := time.Now()
	screen := cupwriter.New(lineStart{terminal}, false)
	screen.SetTermFd(int(terminal.Fd()))
	b := &bar{
		meter:    m,
		terminal: terminal,
		progress: mpb.New(mpb.WithConsoleWriter(screen), mpb.WithRefreshRate(refresh)),
	}
	b.bar = b.progress.AddBar(0, mpb.AppendDecorators(
		decor.Any(func(decor.Statistics) string { return m.text(time.Since(began)) }),
	))
	return b
}

// A lineStart moves the cursor to the start of the line before each Write, since the
// terminal echoes Ctrl-C as ^C.
type lineStart struct{ io.Writer }

func (w lineStart) Write(b []byte) (int, error) {
	if _, err := io.WriteString(w.Writer, "\r"); err != nil {
		return 0, err
	}
	return w.Writer.Write(b)
}

// show updates the bar until its task is cancelled.
func (b *bar) show(ctx context.Context) error {
	for {
		if err := asyncio.Sleep(ctx, refresh); err != nil {
			return err
		}
		done, all := b.meter.effort()
		b.bar.SetTotal(all, false)
		b.bar.SetCurrent(done)
	}
}

// stop removes the bar. Later writes go directly to the terminal.
func (b *bar) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	b.bar.Abort(true)
	b.progress.Wait()
}

// Write writes complete lines.
func (b *bar) Write(lines []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return b.terminal.Write(lines)
	}
	return b.progress.Write(lines)
}
