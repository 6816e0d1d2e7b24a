package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The error of a malformed program includes the line and the position of the mistake.
func TestMalformedPrograms(t *testing.T) {
	for _, test := range [][2]string{
		{`{"main": [`, `invalid JSON: unexpected end of line`},
		{`[]`, `got [], want a program object`},
		{`{"main": []} {}`, `unexpected data after the program`},
		{`{}`, `main: got null, want a list`},
		{`{"main": [], "eager": 1}`, `eager: got 1, want true or false`},
		{`{"main": [["sleep", 1], 7]}`, `main[1]: got 7, want a statement (a list)`},
		{`{"main": [[]]}`, `main[0]: empty statement`},
		{`{"main": [["fly", "t1"]]}`, `main[0]: unknown operation "fly"`},
		{`{"main": [["sleep"]]}`, `main[0]: "sleep": got 0 arguments, want 1`},
		{`{"main": [["try", [], [], null, 1]]}`, `main[0]: "try": got 4 arguments, want 3`},
		{`{"main": [["sleep", "long"]]}`, `main[0][1]: got "long", want a number`},
		{`{"main": [["sleep", 0.5]]}`, `main[0][1]: got 0.5, want an integer from -1000000000 to 1000000000`},
		{`{"main": [["sleep", 1e30]]}`, `main[0][1]: got 1e30, want an integer from -1000000000 to 1000000000`},
		{`{"main": [["repeat", 2, [["raise", "E9"]]]]}`, `main[0][2][0][1]: unknown error class "E9"`},
		{`{"main": [["try", [], [[["E1"], []]]]]}`, `main[0][2][0]: got [["E1"],[]], want [classes, handler, reraise]`},
		{`{"main": [["try", [], [[["E1"], [["fly"]], false]], null]]}`, `main[0][2][0][0]: unknown operation "fly"`},
		{`{"main": [["spawn", "t1", [], {"colour": "red"}]]}`, `main[0][3]: option "colour": unknown option; use name, context or eager`},
		{`{"main": [["soon", "k1", [["sleep", 1]]]]}`, `main[0][2][0]: "sleep" is not allowed in a callback: it may suspend or run a body`},
		{`{"main": [["queue", "q1", 1, "heap"]]}`, `main[0][3]: got "heap", want one of fifo, lifo, priority`},
		{`{"main": [["wait_for", ["t1"], 1]]}`, `main[0][1]: got ["t1"], want a label or [label, body]`},
	} {
		var out bytes.Buffer
		err := playAll(strings.NewReader(`{"main": []}`+"\n\n"+test[0]+"\n"), &out)
		if want := "line 3: " + test[1]; err == nil || err.Error() != want {
			t.Errorf("%s\n\tgot  error %v\n\twant error %s", test[0], err, want)
		}
		if out.Len() > 0 {
			t.Errorf("%s\n\tgot output %s, want none", test[0], &out)
		}
	}
}

// For a mistake, the command prints only one line to standard error and exits with
// status 2.
func TestCommand(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "player")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func(input string, args ...string) string {
		cmd := exec.Command(bin, args...)
		cmd.Stdin = strings.NewReader(input)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run()
		return fmt.Sprintf("%d\n%s%s", cmd.ProcessState.ExitCode(), &stdout, &stderr)
	}
	for _, test := range [][2]string{
		{run(`{"id": "é", "main": [["log", {"a": [1.50, "\u00e9"]}]]}`),
			"0\n" + `{"id":"\u00e9","trace":[[0,"main","starts"],[0,"main","log",{"a":[1.50,"\u00e9"]}],` +
				`[0,"main","returns",null],[0,"loop","main ended","ok:null"],[0,"final","main","ok:null"]]}` + "\n"},
		{run("{\"main\": []}\n{\"main\": 1}\n"), "2\nconformance: line 2: main: got 1, want a list\n"},
		{run("", "file.jsonl"), "2\nusage: conformance < programs.jsonl > traces.jsonl\n"},
	} {
		if test[0] != test[1] {
			t.Errorf("got\n%s\nwant\n%s", test[0], test[1])
		}
	}
}

// A program cannot hang the player or exhaust its memory or stack.
func TestHostilePrograms(t *testing.T) {
	const limit = `{"id":null,"limit":true}`
	deep := func(n int) string {
		return `{"main": ` + strings.Repeat(`[["repeat", 1, `, n) + `[]` + strings.Repeat(`]]`, n) + `}`
	}
	for _, test := range []struct{ name, program, want string }{
		{"endless loop", `{"main": [["repeat", 1000000000, [["repeat", 1000000000, []]]]]}`, limit},
		{"endless loop of statements", `{"main": [["event", "e1"], ["repeat", 1000000000, [["event_set", "e1"]]]]}`, limit},
		{"endless loop that logs", `{"main": [["repeat", 1000000000, [["log", 1], ["sleep", 0]]]]}`, limit},
		{"endless tasks", `{"main": [["repeat", 1000000000, [["spawn", "t1", [], {}]]]]}`, limit},
		{"callback that adds itself", `{"main": [["future", "f1"], ["on_done", "f1", "c1", [["on_done", "f1", "c1", []]]],
			["set_result", "f1", 1], ["sleep", 1]]}`, limit},
		{"result that doubles", `{"main": [["future", "f1"], ["set_result", "f1", 1], ["gather", "g1", ["f1"], false],
			["repeat", 100, [["gather", "g1", ["g1", "g1"], false], ["await", "g1"]]]]}`, limit},
		{"endless loop that ignores errors", `{"main": [["repeat", 1000000000, [["try", [["sleep", 0]], [[["BaseException"], [], false]], null]]]]}`, limit},
		{"nesting too deep for JSON", deep(20_000), ""},
		{"deep nesting", deep(2_000), `{"id":null,"trace":[[0,"main","starts"],[0,"main","returns",null],[0,"loop","main ended","ok:null"],[0,"final","main","ok:null"]]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			err := playAll(strings.NewReader(strings.ReplaceAll(test.program, "\n", " ")), &out)
			if got := strings.TrimSuffix(out.String(), "\n"); got != test.want || (err != nil) != (test.want == "") {
				t.Errorf("got %.300s, %v", got, err)
			}
		})
	}
}

// The player plays every valid program without a panic.
func FuzzPlay(f *testing.F) {
	for i, line := range lines(recorded(f, "programs")) {
		if i%40 == 0 {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		prog, err := parse([]byte(line))
		if err == nil {
			play(prog)
		}
	})
}
