package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"

	"example.com/asyncio/cmd/asyncio/model"
	"example.com/asyncio/cmd/asyncio/view"
	"example.com/asyncio/introspect"
)

type topCommand struct {
	PID   string        `arg:"" name:"PID" help:"A process ID; 4711.2 is the second loop of process 4711."`
	Every time.Duration `default:"1s" help:"The time between two snapshots."`
}

// Validate is called by the command-line parser.
func (c *topCommand) Validate() error { return checkEvery(c.Every) }

func checkEvery(every time.Duration) error {
	if every <= 0 {
		return fmt.Errorf("--every %v: must be positive", every)
	}
	return nil
}

// Run shows the process until the user quits. With --json it prints one snapshot per line
// instead.
func (c *topCommand) Run(ctx context.Context, t *terminal) error {
	client, err := introspect.Dial(ctx, c.PID)
	if err != nil {
		return err
	}
	defer client.Close()
	if t.json {
		return printPictures(ctx, client, c.Every, t.stdout)
	}
	return show(ctx, t, &live{client, c.Every})
}

// A source provides the data that top shows.
type source interface {
	// Picture returns a snapshot, and its position if the source is a recording. Back and
	// Forward change the position.
	Picture(ctx context.Context, a model.Action) (p *introspect.Picture, where string, err error)
	Task(ctx context.Context, id uint64) (*introspect.TaskPage, error)
	// Findings returns the findings. It succeeds even if the loop is blocked.
	Findings(ctx context.Context) (*introspect.Findings, error)
	// Events yields the events from now on, or all events of a recording.
	Events(ctx context.Context) iter.Seq2[*introspect.Message, error]
	// Every returns the time between two snapshots. 0: they change only by keys.
	Every() time.Duration
}

// live is a source that is a running process.
type live struct {
	client *introspect.Client
	every  time.Duration
}

func (l *live) Picture(ctx context.Context, _ model.Action) (*introspect.Picture, string, error) {
	p, err := l.client.Picture(ctx)
	return p, "", err
}

func (l *live) Task(ctx context.Context, id uint64) (*introspect.TaskPage, error) {
	return l.client.Task(ctx, id)
}

func (l *live) Findings(ctx context.Context) (*introspect.Findings, error) {
	return l.client.Findings(ctx)
}

func (l *live) Events(ctx context.Context) iter.Seq2[*introspect.Message, error] {
	return l.client.Events(ctx)
}

func (l *live) Every() time.Duration { return l.every }

var errNoTerminal = errors.New("top needs a terminal; --json prints snapshots without one")

// show runs top on a terminal.
func show(ctx context.Context, t *terminal, s source) error {
	if out, ok := t.stdout.(*os.File); ok && !term.IsTerminal(out.Fd()) {
		return errNoTerminal
	}
	// Report a process that cannot be inspected before taking over the terminal. If the
	// loop is blocked, the findings succeed and explain why there is no snapshot.
	findings, err := s.Findings(ctx)
	if err != nil {
		return err
	}
	sourceCtx, stop := context.WithCancel(ctx)
	defer stop()
	top := &top{ctx: sourceCtx, source: s, model: &model.Top{}, width: 80, height: 24}
	top.model.SetFindings(findings)
	_, err = tea.NewProgram(top, tea.WithContext(ctx), tea.WithInput(t.stdin), tea.WithOutput(t.stdout),
		tea.WithoutSignalHandler()).Run()
	switch {
	case ctx.Err() != nil: // an interrupt is a way to quit
		return nil
	case err == nil && top.ended != nil:
		return top.ended
	}
	return err
}

// top connects the model with the terminal and the source.
type top struct {
	ctx           context.Context
	events        *stream // of the open task page; nil: none is open
	source        source
	model         *model.Top
	width, height int
	ended         error // the process has ended
}

// Messages with data from the source.
type (
	pictureMsg struct {
		*introspect.Picture
		where    string
		findings *introspect.Findings // only of a recording
		err      error
		tick     bool // from a tick; the next tick must be started
	}
	taskMsg struct {
		id   uint64
		page *introspect.TaskPage
		err  error
	}
	findingsMsg struct {
		*introspect.Findings
		tick bool
	}
	eventsMsg struct {
		from *stream
		*introspect.Message
	}
)

func (t *top) Init() tea.Cmd {
	return tea.Batch(func() tea.Msg { return t.picture(model.None, t.source.Every() > 0) }, t.tick(t.findings))
}

// tick calls request after the time between two snapshots. Snapshots and findings have a
// tick each, because a snapshot takes long if the loop is blocked.
func (t *top) tick(request func() tea.Msg) tea.Cmd {
	if t.source.Every() == 0 {
		return nil
	}
	return func() tea.Msg { // tea.Tick would continue after the end of top
		timer := time.NewTimer(t.source.Every())
		defer timer.Stop()
		select {
		case <-timer.C:
			return request()
		case <-t.ctx.Done():
			return nil
		}
	}
}

func (t *top) findings() tea.Msg {
	f, err := t.source.Findings(t.ctx)
	if err != nil { // the snapshot reports the error
		f = nil
	}
	return findingsMsg{f, true}
}

// A stream passes on the events of a source.
type stream struct {
	messages chan *introspect.Message
	stop     context.CancelFunc
}

// listen starts a new stream and stops the previous one. A recording yields its events
// only once per stream.
func (t *top) listen() tea.Cmd {
	t.stopEvents()
	ctx, stop := context.WithCancel(t.ctx)
	s := &stream{make(chan *introspect.Message), stop}
	t.events = s
	go func() {
		defer close(s.messages)
		for m, err := range t.source.Events(ctx) {
			if err != nil { // the snapshot reports the error
				return
			}
			select {
			case s.messages <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	return s.next
}

func (t *top) stopEvents() {
	if t.events != nil {
		t.events.stop()
		t.events = nil
	}
}

// next returns the next message, or nil at the end of the stream.
func (s *stream) next() tea.Msg {
	if m := <-s.messages; m != nil {
		return eventsMsg{s, m}
	}
	return nil
}

func (t *top) picture(a model.Action, tick bool) tea.Msg {
	msg := pictureMsg{tick: tick}
	msg.Picture, msg.where, msg.err = t.source.Picture(t.ctx, a)
	if t.source.Every() == 0 && msg.err == nil {
		msg.findings, msg.err = t.source.Findings(t.ctx)
	}
	return msg
}

func (t *top) task(id uint64) tea.Cmd {
	return func() tea.Msg {
		page, err := t.source.Task(t.ctx, id)
		return taskMsg{id, page, err}
	}
}

func (t *top) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		t.width, t.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return t, t.key(msg)
	case pictureMsg:
		return t, t.setPicture(msg)
	case taskMsg:
		if msg.id == t.model.Selected {
			t.model.SetTask(msg.page, msg.err)
		}
	case findingsMsg:
		return t, t.setFindings(msg)
	case eventsMsg:
		if msg.from == t.events {
			t.model.AddEvents(msg.Dropped, msg.Events)
			return t, msg.from.next
		}
	}
	return t, nil
}

func (t *top) key(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	if k.Text != "" && k.Text != " " { // "A" instead of "shift+a"
		name = k.Text
	}
	a := t.model.Key(name)
	if t.model.Page != model.PageTask {
		t.stopEvents()
	}
	switch a {
	case model.Quit:
		return tea.Quit
	case model.LoadTask:
		return tea.Batch(t.task(t.model.Selected), t.listen())
	case model.Back, model.Forward:
		if t.source.Every() == 0 {
			return func() tea.Msg { return t.picture(a, false) }
		}
	}
	return nil
}

func (t *top) setPicture(msg pictureMsg) tea.Cmd {
	var next []tea.Cmd
	if msg.tick {
		next = append(next, t.tick(func() tea.Msg { return t.picture(model.None, true) }))
	}
	switch {
	case errors.Is(msg.err, introspect.ErrNoProcess):
		// The last snapshot remains visible.
		t.model.Err, t.ended = strings.TrimPrefix(msg.err.Error(), "asyncio: ")+"; press q to quit", msg.err
		return nil
	case msg.err != nil:
		t.model.Err = strings.TrimPrefix(msg.err.Error(), "asyncio: ")
	case !t.model.Paused || !msg.tick:
		t.model.Where = msg.where
		t.model.SetPicture(msg.Picture)
		if msg.findings != nil {
			t.model.SetFindings(msg.findings)
		}
		if t.model.Page == model.PageTask {
			next = append(next, t.task(t.model.Selected))
		}
	}
	return tea.Batch(next...)
}

func (t *top) setFindings(msg findingsMsg) tea.Cmd {
	if msg.Findings != nil && (!t.model.Paused || !msg.tick) {
		t.model.SetFindings(msg.Findings)
	}
	if msg.tick && t.ended == nil {
		return t.tick(t.findings)
	}
	return nil
}

// sgr holds the codes of the styles. They use the sixteen colours of the terminal, which
// fit its theme.
var sgr = map[view.Style]string{view.Title: "1", view.Selected: "7", view.Alarm: "31", view.Dim: "2"}

func (t *top) View() tea.View {
	var s strings.Builder
	for i, line := range view.Top(t.model, t.width, t.height) {
		if i > 0 {
			s.WriteByte('\n')
		}
		if code := sgr[line.Style]; code != "" {
			fmt.Fprintf(&s, "\x1b[%sm%s\x1b[m", code, line.Text)
		} else {
			s.WriteString(line.Text)
		}
	}
	v := tea.NewView(s.String())
	v.AltScreen = true
	v.WindowTitle = "asyncio top"
	return v
}
