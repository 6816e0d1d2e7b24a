// Package web has the page that "asyncio web" opens: the tasks of a running program, live, in a browser. It is one file
// of HTML with all that it needs inside, embedded in the program; it asks nobody but the [Handler] that serves it.
//
// The page is written in TypeScript with Preact, uPlot and dagre; its sources stand in src. What is embedded
// is built of them and committed, so that who builds the command needs Go alone:
//
//	npm ci && npm run build
//
// A test holds that the two agree.
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

// policy lets the page run what is in it and talk to where it came from, and nothing else.
const policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page at "/", and api below "/api/": an introspect.Handler, or one that passes requests
// on to the socket of another process; it sees the paths without "/api".
//
// A port of this machine is open to all its users, and to each page in the browser by way of a name that leads
// here. So Handler answers only who asks for a loopback address or for localhost, and, if token is not "", only who has opened
// "/?token=TOKEN" before: that sets a cookie, and leads on to "/".
func Handler(api http.Handler, token string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", api))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Cache-Control", "no-store") // the next process at this port may be another version
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
			http.Error(w, "This server answers at localhost only.", http.StatusForbidden)
		case token == "" || err == nil && same(cookie.Value, token):
			next.ServeHTTP(w, r)
		case same(given, token):
			http.SetCookie(w, &http.Cookie{Name: name, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			http.Redirect(w, r, "/", http.StatusSeeOther)
		default:
			http.Error(w, "Open the address that \"asyncio web\" has printed: it ends with a token.", http.StatusForbidden)
		}
	})
}

// cookieName differs with the port: cookies do not, and two processes may be looked at in one browser.
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
