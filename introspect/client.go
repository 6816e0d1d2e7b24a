package introspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A Client inspects the loop of a process. Several goroutines may use it at the same
// time.
type Client struct {
	process Process
	http    http.Client
}

// Dial connects to a process. The name is a process ID, or the Name of one of
// [Processes]. Close the Client after use. Its error wraps [ErrNoProcess],
// [ErrNotServing] or [ErrNoPermission] if that is the reason.
func Dial(ctx context.Context, name string) (*Client, error) {
	dir := Folder()
	p, ok := processAt(filepath.Join(dir, name+".sock"))
	if !ok || filepath.Base(name) != name {
		return nil, fmt.Errorf("asyncio: %q is not a process ID: %w", name, ErrNoProcess)
	}
	if err := checkFolder(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c := &Client{process: p}
	c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", p.Path)
	}}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", p.Path)
	if err != nil {
		return nil, p.explain(err)
	}
	return c, conn.Close()
}

// explain returns an error that says why p does not respond; err is the error of
// connecting.
func (p Process) explain(err error) error {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("asyncio: process %s: %w", p.Name, err)
	}
	switch alive(p.PID) {
	case ErrNoProcess:
		_ = p.serves() // removes its socket
		return fmt.Errorf("asyncio: process %s: %w", p.Name, ErrNoProcess)
	case ErrNoPermission:
		return fmt.Errorf("asyncio: process %s belongs to another user, and only that user can inspect it: %w", p.Name, ErrNoPermission)
	}
	return fmt.Errorf("asyncio: process %s: %w; call introspect.Serve(ctx) in it", p.Name, ErrNotServing)
}

// Process returns the process that c is connected to.
func (c *Client) Process() Process { return c.process }

// Transport returns a transport that sends each request to the process and ignores the
// host of its URL. It is meant for proxies.
func (c *Client) Transport() http.RoundTripper { return c.http.Transport }

// Close closes c. Data that it has returned remains valid.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Picture returns a snapshot: GET /snapshot.
func (c *Client) Picture(ctx context.Context) (*Picture, error) {
	return ask[Picture](ctx, c, "/snapshot")
}

// Findings returns the problems: GET /findings.
func (c *Client) Findings(ctx context.Context) (*Findings, error) {
	return ask[Findings](ctx, c, "/findings")
}

// Task returns a task and its stack: GET /tasks/{id}.
func (c *Client) Task(ctx context.Context, id uint64) (*TaskPage, error) {
	return ask[TaskPage](ctx, c, fmt.Sprintf("/tasks/%d", id))
}

// Text returns the body of the response to a GET of path, for example "/" or "/tree".
func (c *Client) Text(ctx context.Context, path string) (string, error) {
	body, err := c.do(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	return string(text), c.lost(err)
}

// Cancel asks a task to cancel, with a message: POST /tasks/{id}/cancel. The result is
// false if the task had already ended.
func (c *Client) Cancel(ctx context.Context, id uint64, token, message string) (bool, error) {
	request, err := json.Marshal(CancelRequest{Message: message})
	if err != nil {
		return false, err
	}
	body, err := c.do(ctx, http.MethodPost, fmt.Sprintf("/tasks/%d/cancel", id), bytes.NewReader(request), token)
	if err != nil {
		return false, err
	}
	defer body.Close()
	var reply CancelReply
	err = json.NewDecoder(body).Decode(&reply)
	return reply.Asked, c.lost(err)
}

// Events yields the messages of a stream: GET /events. It ends with the stream, or after
// an error.
func (c *Client) Events(ctx context.Context) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		body, err := c.do(ctx, http.MethodGet, "/events", nil, "")
		if err != nil {
			yield(nil, err)
			return
		}
		defer body.Close()
		for lines := json.NewDecoder(body); ; {
			m := new(Message)
			if err := lines.Decode(m); err != nil {
				yield(nil, c.lost(err))
				return
			}
			if !yield(m, nil) || m.Kind == KindEnd {
				return
			}
		}
	}
}

func ask[T any](ctx context.Context, c *Client, path string) (*T, error) {
	body, err := c.do(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	answer := new(T)
	if err := json.NewDecoder(body).Decode(answer); err != nil {
		return nil, c.lost(err)
	}
	return answer, nil
}

func (c *Client) do(ctx context.Context, method, path string, body io.Reader, token string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://asyncio"+path, body)
	if err != nil {
		return nil, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.lost(err)
	}
	if answer.StatusCode < 400 {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	var failure Failure
	if err := json.NewDecoder(answer.Body).Decode(&failure); err != nil || failure.Error == "" {
		failure.Error = answer.Status
	}
	return nil, fmt.Errorf("asyncio: process %s: %s", c.process.Name, strings.TrimPrefix(failure.Error, "asyncio: "))
}

// lost returns an [ErrNoProcess] in place of err if the process has ended.
func (c *Client) lost(err error) error {
	if err == nil {
		return nil
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	// A killed process leaves a socket that refuses connections.
	if _, gone := os.Stat(c.process.Path); errors.Is(gone, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(alive(c.process.PID), ErrNoProcess) {
		return fmt.Errorf("asyncio: process %s has ended or no longer serves: %w", c.process.Name, ErrNoProcess)
	}
	return fmt.Errorf("asyncio: process %s: %w", c.process.Name, err)
}
