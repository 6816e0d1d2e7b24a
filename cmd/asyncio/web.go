package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"runtime"
	"time"

	"example.com/asyncio/cmd/asyncio/web"
	"example.com/asyncio/introspect"
)

type webCommand struct {
	PID  string `arg:"" name:"PID" help:"A process ID; 4711.2 is the second loop of process 4711."`
	Port int    `help:"The port on 127.0.0.1; by default any free port."`
	Stay bool   `help:"Do not open the browser."`
}

// Run serves the page for a process.
func (c *webCommand) Run(ctx context.Context, t *terminal) error {
	client, err := introspect.Dial(ctx, c.PID)
	if err != nil {
		return err
	}
	defer client.Close()
	return serveWeb(ctx, t, proxy(client), c.Port, c.Stay)
}

// serveWeb serves the page for api until ctx is cancelled. The address that it prints
// contains a token, which every request needs: a port is open to all users of the
// machine.
func serveWeb(ctx context.Context, t *terminal, api http.Handler, port int, stay bool) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	token := rand.Text()
	server := &http.Server{Handler: web.Handler(api, token), ReadHeaderTimeout: 10 * time.Second}
	// Do not wait for connections to become idle: a stream of events never does.
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	address := fmt.Sprintf("http://%s/?token=%s", listener.Addr(), token)
	if err := printAddress(t, address); err != nil {
		return errors.Join(err, listener.Close())
	}
	if !stay {
		if err := browse(address); err != nil {
			fmt.Fprintln(t.stderr, "asyncio: cannot open a browser; open the address yourself:", err)
		}
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func printAddress(t *terminal, address string) error {
	if t.json {
		return t.writeJSON(struct {
			URL string `json:"url"`
		}{address})
	}
	_, err := fmt.Fprintf(t.stdout, "%s\nPress Ctrl-C to stop.\n", address)
	return err
}

// proxy forwards requests to the process. It flushes events immediately.
func proxy(client *introspect.Client) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "asyncio"})
			r.Out.Header.Del("Cookie") // the token is for this program only
		},
		Transport:     client.Transport(),
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // the end of the process or the browser is not an error
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "the process has ended or does not respond: "+err.Error(), http.StatusBadGateway)
		},
	}
}

// browse opens an address in the default browser of the system.
func browse(address string) error {
	command := []string{"xdg-open", address}
	switch runtime.GOOS {
	case "darwin":
		command = []string{"open", address}
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler", address}
	}
	cmd := exec.Command(command[0], command[1:]...)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}
