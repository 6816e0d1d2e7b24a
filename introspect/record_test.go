package introspect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// A writer calls itself with each line.
type writer func(line string) error

func (w writer) Write(line []byte) (int, error) { return len(line), w(string(line)) }

// A recording has the picture of the beginning, the events and a picture now and then, and says why it ends. What is read is what was
// written.
func TestRecord(t *testing.T) {
	runtimeFolder(t)
	run(t, func(ctx context.Context) error {
		tick := make(chan time.Time)
		stop, err := introspect.Serve(ctx, introspect.Tick(tick))
		if err != nil {
			return err
		}
		defer stop()
		begin := new(asyncio.Event)
		worker := spawn(ctx, "worker", begin.Wait)
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		l := running(ctx)
		var file bytes.Buffer
		// Each line has the next thing happen: so they come in this order.
		got, err := record(ctx, introspect.Recording{Every: time.Millisecond}, func(cancel func(), line string) error {
			switch {
			case strings.HasPrefix(line, `{"kind":"hello"`):
				done := make(chan bool)
				_, _ = l.CallSoonThreadsafe(func(context.Context) {
					worker.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { close(done) })
					begin.Set()
				})
				<-done
				go func() { tick <- time.Time{} }()
			case strings.HasPrefix(line, `{"kind":"picture"`) && !strings.Contains(line, `"worker"`) && bytes.Contains(file.Bytes(), []byte(`"ended"`)):
				cancel()
			}
			file.WriteString(line)
			return nil
		})
		if err != nil {
			return err
		}
		var lines lines
		var read introspect.Recorded
		for m, err := range introspect.ReadRecording(&file) {
			if err != nil {
				return err
			}
			switch m.Kind {
			case introspect.KindHello:
				read.Pictures++
				lines.add("hello: %d tasks", len(m.Hello.Tasks))
			case introspect.KindPicture:
				if read.Pictures++; len(m.Picture.Tasks) == 1 && read.Events > 0 {
					lines.add("picture: %s", m.Picture.Tasks[0].Name)
				}
			case introspect.KindEvents:
				read.Events += uint64(len(m.Events))
				for _, e := range m.Events {
					if e.Task == 2 {
						lines.add("%v %s", e.Kind, e.Outcome)
					}
				}
			case introspect.KindEnd:
				lines.add("end: %s", m.Reason)
			}
		}
		lines.want(t, "hello: 2 tasks", "resumed ", "ended result", "picture: main", "end: the recording was stopped")
		if read != got {
			t.Errorf("recorded %+v, read %+v", got, read)
		}
		return nil
	})
}

// record records this process, while the loop goes on.
func record(ctx context.Context, what introspect.Recording, write func(cancel func(), line string) error) (introspect.Recorded, error) {
	return asyncio.ToThread(ctx, func(ctx context.Context) (introspect.Recorded, error) {
		c, err := introspect.Dial(ctx, pid())
		if err != nil {
			return introspect.Recorded{}, err
		}
		defer c.Close()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		return c.Record(ctx, writer(func(line string) error { return write(cancel, line) }), what)
	})
}

// A recording without events leaves the loop unobserved, and ends when there are as many pictures as were asked for.
func TestRecordPictures(t *testing.T) {
	runtimeFolder(t)
	run(t, func(ctx context.Context) error {
		stop, err := introspect.Serve(ctx)
		if err != nil {
			return err
		}
		defer stop()
		var kinds lines
		got, err := record(ctx, introspect.Recording{Every: time.Millisecond, Pictures: 3, NoEvents: true}, func(_ func(), line string) error {
			kind, _, _ := strings.Cut(strings.TrimPrefix(line, `{"kind":"`), `"`)
			kinds.add("%s", kind)
			if strings.Contains(line, `"observed":true`) {
				t.Error("the loop is observed")
			}
			return nil
		})
		kinds.want(t, "asyncio recording", "picture", "picture", "picture", "end")
		if want := (introspect.Recorded{Pictures: 3}); got != want {
			t.Errorf("got %+v", got)
		}
		return err
	})
}

// With each picture stands what was wrong then.
func TestRecordFindings(t *testing.T) {
	runtimeFolder(t)
	run(t, func(ctx context.Context) error {
		stop, err := introspect.Serve(ctx)
		if err != nil {
			return err
		}
		defer stop()
		circle(ctx)
		var file bytes.Buffer
		_, err = record(ctx, introspect.Recording{Pictures: 1, NoEvents: true}, func(_ func(), line string) error {
			file.WriteString(line)
			return nil
		})
		var lines lines
		for m := range introspect.ReadRecording(&file) {
			lines.add("%s %d", m.Kind, len(m.Findings))
		}
		lines.want(t, "picture 1", "end 0")
		for _, task := range asyncio.AllTasks(ctx)[1:] {
			task.Cancel()
		}
		return err
	})
}

// The end of the process, or of its serving, is a good end of a recording, and is told in it.
func TestRecordUntilTheEnd(t *testing.T) {
	for _, what := range []introspect.Recording{{Every: time.Hour}, {Every: time.Millisecond, NoEvents: true}} {
		runtimeFolder(t)
		run(t, func(ctx context.Context) error {
			stop, err := introspect.Serve(ctx)
			if err != nil {
				return err
			}
			defer stop()
			last := ""
			_, err = record(ctx, what, func(_ func(), line string) error {
				if last = line; strings.HasPrefix(line, `{"kind":"hello"`) || strings.HasPrefix(line, `{"kind":"picture"`) {
					go stop()
				}
				return nil
			})
			if !strings.HasPrefix(last, `{"kind":"end","reason":"`) {
				t.Errorf("the last line is %s", last)
			}
			return err
		})
	}
}

// What cannot be recorded is told: nobody is there, or the file is full.
func TestRecordFails(t *testing.T) {
	runtimeFolder(t)
	run(t, func(ctx context.Context) error {
		stop, err := introspect.Serve(ctx)
		if err != nil {
			return err
		}
		full := errors.New("no space left")
		if _, err := record(ctx, introspect.Recording{}, func(func(), string) error { return full }); err != full {
			t.Errorf("a full disk: %v", err)
		}
		_, err = asyncio.ToThread(ctx, func(ctx context.Context) (int, error) {
			c, err := introspect.Dial(ctx, pid())
			if err != nil {
				return 0, err
			}
			defer c.Close()
			stop()
			for _, noEvents := range []bool{false, true} {
				if got, err := c.Record(ctx, io.Discard, introspect.Recording{NoEvents: noEvents}); !errors.Is(err, introspect.ErrNoProcess) || got.Pictures > 0 {
					t.Errorf("nobody serves: %+v %v", got, err)
				}
			}
			over, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := c.Record(over, io.Discard, introspect.Recording{}); err == nil {
				t.Error("it was stopped before it began")
			}
			return 0, nil
		})
		return err
	})
}

// What is no recording is refused, with the line; of one that is cut off, what is whole is read.
func TestReadRecording(t *testing.T) {
	const head = `{"kind":"asyncio recording","version":1}` + "\n"
	const end = `{"kind":"end","reason":"stopped"}` + "\n"
	foreign, cutOff := introspect.ErrNoRecording, io.ErrUnexpectedEOF
	for _, test := range []struct {
		name, text string
		messages   int
		kind       error
		says       string
	}{
		{"whole", head + `{"kind":"picture","picture":{}}` + "\n" + end, 2, nil, ""},
		{"empty", "", 0, foreign, "asyncio: it is empty: "},
		{"of something else", "{}\n", 0, foreign, `asyncio: it does not begin with {"kind":"asyncio recording","version":1}: `},
		{"no text", "\x7fELF", 0, foreign, "asyncio: it does not begin with "},
		{"newer", `{"kind":"asyncio recording","version":2}` + "\n", 0, foreign, "asyncio: the recording has version 2, and this program reads up to 1; read it with a newer one: "},
		{"cut off in the head", head[:20], 0, cutOff, "asyncio: the recording is cut off in line 1: "},
		{"cut off behind the head", head, 0, cutOff, "asyncio: the recording is cut off in line 2: "},
		{"cut off before the line's end", head + end + end[:len(end)-1], 1, cutOff, "asyncio: the recording is cut off in line 3: "},
		{"a line that is none", head + end + "half\n" + end, 1, foreign, "asyncio: line 3 is no message: "},
		{"another JSON", head + "{}\n", 0, foreign, "asyncio: line 2 is no message: its kind is missing, or what belongs to it: "},
		{"a picture without one", head + `{"kind":"picture"}` + "\n", 0, foreign, "asyncio: line 2 is no message: "},
		{"the reader fails", "", 0, io.ErrClosedPipe, "io: read/write on closed pipe"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r io.Reader = strings.NewReader(test.text)
			if test.kind == io.ErrClosedPipe {
				closed, _ := io.Pipe()
				_ = closed.Close()
				r = closed
			}
			messages := 0
			var err error
			for m, e := range introspect.ReadRecording(r) {
				if err = e; m != nil {
					messages++
				}
			}
			if messages != test.messages || !errors.Is(err, test.kind) || !strings.HasPrefix(fmt.Sprint(err), test.says) && err != nil {
				t.Errorf("%d messages and %v", messages, err)
			}
		})
	}
}
