package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A malformed program is named by its line, and by the way to the fault in it.
func TestMalformedPrograms(t *testing.T) {
	for _, test := range [][2]string{
		{`{"main": [`, `not JSON: the line ends too early`},
		{`[]`, `an object with a program is needed here, not []`},
		{`{"main": []} {}`, `something stands behind the program`},
		{`{}`, `main: a list is needed here, not null`},
		{`{"main": [], "eager": 1}`, `eager: true or false is needed here, not 1`},
		{`{"main": [["sleep", 1], 7]}`, `main[1]: a statement, which is a list is needed here, not 7`},
		{`{"main": [[]]}`, `main[0]: an empty statement`},
		{`{"main": [["fly", "t1"]]}`, `main[0]: there is no operation "fly"`},
		{`{"main": [["sleep"]]}`, `main[0]: "sleep" takes 1 arguments, and here are 0`},
		{`{"main": [["sleep", "long"]]}`, `main[0][1]: a number is needed here, not "long"`},
		{`{"main": [["sleep", 0.5]]}`, `main[0][1]: 0.5 is not a whole number of at most 1000000000`},
		{`{"main": [["sleep", 1e30]]}`, `main[0][1]: 1e30 is not a whole number of at most 1000000000`},
		{`{"main": [["repeat", 2, [["raise", "E9"]]]]}`, `main[0][2][0][1]: there is no class "E9" of errors`},
		{`{"main": [["try", [], [[["E1"], []]]]]}`, `main[0][2][0]: a catch is [classes, handler, reraise]`},
		{`{"main": [["try", [], [[["E1"], [["fly"]], false]], null]]}`, `main[0][2][0][0]: there is no operation "fly"`},
		{`{"main": [["spawn", "t1", [], {"colour": "red"}]]}`, `main[0][3]: option "colour": there is no such option`},
		{`{"main": [["soon", "k1", [["sleep", 1]]]]}`, `main[0][2][0]: "sleep" holds a body or may wait, and this is in a callback`},
		{`{"main": [["queue", "q1", 1, "heap"]]}`, `main[0][3]: one of fifo, lifo, priority is needed here`},
		{`{"main": [["wait_for", ["t1"], 1]]}`, `main[0][1]: what is awaited is a label or [label, body]`},
	} {
		var out bytes.Buffer
		err := playAll(strings.NewReader(`{"main": []}`+"\n\n"+test[0]+"\n"), &out)
		if want := "line 3: " + test[1]; err == nil || err.Error() != want {
			t.Errorf("%s\n\tgives %v\n\twant  %s", test[0], err, want)
		}
		if out.Len() > 0 {
			t.Errorf("%s\n\tand yet this is printed: %s", test[0], &out)
		}
	}
}

// The command says it on one line of standard error, prints nothing else, and exits
// with 2.
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
		{run("{\"main\": []}\n{\"main\": 1}\n"), "2\nconformance: line 2: main: a list is needed here, not 1\n"},
		{run("", "file.jsonl"), "2\nusage: conformance < programs.jsonl > traces.jsonl\n"},
	} {
		if test[0] != test[1] {
			t.Errorf("got\n%s\nwant\n%s", test[0], test[1])
		}
	}
}

// A program cannot hang the player, nor fill its memory or its stack.
func TestHostilePrograms(t *testing.T) {
	const limit = `{"id":null,"limit":true}`
	deep := func(n int) string {
		return `{"main": ` + strings.Repeat(`[["repeat", 1, `, n) + `[]` + strings.Repeat(`]]`, n) + `}`
	}
	for _, test := range []struct{ name, program, want string }{
		{"a loop without an end", `{"main": [["repeat", 1000000000, [["repeat", 1000000000, []]]]]}`, limit},
		{"a loop that sleeps", `{"main": [["event", "e1"], ["repeat", 1000000000, [["event_set", "e1"]]]]}`, limit},
		{"a loop that logs", `{"main": [["repeat", 1000000000, [["log", 1], ["sleep", 0]]]]}`, limit},
		{"tasks without number", `{"main": [["repeat", 1000000000, [["spawn", "t1", [], {}]]]]}`, limit},
		{"a callback that adds itself", `{"main": [["future", "f1"], ["on_done", "f1", "c1", [["on_done", "f1", "c1", []]]],
			["set_result", "f1", 1], ["sleep", 1]]}`, limit},
		{"a result that doubles", `{"main": [["future", "f1"], ["set_result", "f1", 1], ["gather", "g1", ["f1"], false],
			["repeat", 100, [["gather", "g1", ["g1", "g1"], false], ["await", "g1"]]]]}`, limit},
		{"a loop that nothing but a cancel would end", `{"main": [["repeat", 1000000000, [["try", [["sleep", 0]], [[["BaseException"], [], false]], null]]]]}`, limit},
		{"more nesting than JSON may have", deep(20_000), ""},
		{"much nesting", deep(2_000), `{"id":null,"trace":[[0,"main","starts"],[0,"main","returns",null],[0,"loop","main ended","ok:null"],[0,"final","main","ok:null"]]}`},
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

// Whatever the programs, the player survives them.
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
