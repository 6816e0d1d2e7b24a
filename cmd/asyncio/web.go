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
	PID  string `arg:"" name:"PID" help:"A process id; 4711.2 is the second loop of process 4711."`
	Port int    `help:"The port on 127.0.0.1; any that is free if it is not given."`
	Stay bool   `help:"Do not open the browser."`
}

// Run serves the page of a process.
func (c *webCommand) Run(ctx context.Context, t *terminal) error {
	client, err := introspect.Dial(ctx, c.PID)
	if err != nil {
		return err
	}
	defer client.Close()
	return serveWeb(ctx, t, proxy(client), c.Port, c.Stay)
}

// serveWeb serves the page of api until ctx is cancelled. The address that it prints has a token, without which nobody
// gets in: a port is open to all users of a machine.
func serveWeb(ctx context.Context, t *terminal, api http.Handler, port int, stay bool) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	token := rand.Text()
	server := &http.Server{Handler: web.Handler(api, token), ReadHeaderTimeout: 10 * time.Second}
	// A stream of events never gets idle, so that there is nothing to wait for.
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	address := fmt.Sprintf("http://%s/?token=%s", listener.Addr(), token)
	if err := tellAddress(t, address); err != nil {
		return errors.Join(err, listener.Close())
	}
	if !stay {
		if err := browse(address); err != nil {
			fmt.Fprintln(t.stderr, "asyncio: open it in a browser:", err)
		}
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func tellAddress(t *terminal, address string) error {
	if t.json {
		return t.writeJSON(struct {
			URL string `json:"url"`
		}{address})
	}
	_, err := fmt.Fprintf(t.stdout, "%s\nCtrl-C ends it\n", address)
	return err
}

// proxy passes requests on to the process. Events go through as they come.
func proxy(client *introspect.Client) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "asyncio"})
			r.Out.Header.Del("Cookie") // the token is for us
		},
		Transport:     client.Transport(),
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // that the process or the browser is gone is no news
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "the process has ended, or does not answer: "+err.Error(), http.StatusBadGateway)
		},
	}
}

// browse opens an address as the system does it.
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
