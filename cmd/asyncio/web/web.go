// Package web contains the page that "asyncio web" opens: the tasks of a running program,
// live, in a browser. The page is a single HTML file, embedded in the program. It sends
// requests only to the [Handler] that serves it.
//
// The page is written in TypeScript with Preact, uPlot and dagre. Its sources are in src.
// The built file is committed, so that building the command requires only Go. Rebuild it
// after a change:
//
//	npm ci && npm run build
//
// A test checks that the sources and the built file agree.
package web

import (
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/hex"
	"net"
	"net/http"
)

//go:embed dist/index.html
var page []byte

// policy allows only inline scripts and styles, data: images, and requests to the page's
// own origin.
const policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page at "/" and api below "/api/". The api is an introspect.Handler,
// or a proxy to the socket of another process. It receives paths without the prefix
// "/api".
//
// A local port is reachable by all users of the machine. It is also reachable by every
// page in the browser, through a host name that resolves to this machine. Handler
// therefore rejects a request unless
//
//   - its host is a loopback address or localhost, and
//   - token is "", or the browser has opened "/?token=TOKEN" before. This request sets a
//     cookie and redirects to "/".
func Handler(api http.Handler, token string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", api))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Cache-Control", "no-store") // the next process on this port may be another version
		w.Write(page)
	})
	return guard(token, mux)
}

func guard(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		name := cookieName(r.Host)
		given := r.URL.Query().Get("token")
		switch cookie, err := r.Cookie(name); {
		case !isLoopback(r.Host):
			http.Error(w, "This server accepts requests for localhost only. Open its address with localhost or 127.0.0.1.", http.StatusForbidden)
		case token == "" || err == nil && same(cookie.Value, token):
			next.ServeHTTP(w, r)
		case same(given, token):
			http.SetCookie(w, &http.Cookie{Name: name, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			http.Redirect(w, r, "/", http.StatusSeeOther)
		default:
			http.Error(w, "The token is missing or wrong. Open the address that \"asyncio web\" printed: it contains the token.", http.StatusForbidden)
		}
	})
}

// cookieName returns a name that depends on the port. Browsers share cookies between
// ports, and one browser may show two processes.
func cookieName(host string) string {
	sum := sha256.Sum256([]byte(host))
	return "asyncio-" + hex.EncodeToString(sum[:4])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
