package main_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestBehaviours checks behaviours.tsv against the tests of the whole repository. A test
// claims the rows whose ids begin its doc comment.
//
//   - The ids are unique and sorted.
//   - Every id that a comment of a _test.go file cites has a row.
//   - A row without a state is claimed by at least one test.
//   - A row with a state ("planned" or "not applicable") has a note and is not claimed.
func TestBehaviours(t *testing.T) {
	rows := table(t, "behaviours.tsv")
	for _, problem := range behaviourProblems(rows, claims(t), citations(t)) {
		t.Error(problem)
	}
}

// behaviourProblems returns the mistakes in the rows of behaviours.tsv. The maps contain
// the ids that tests claim and cite, each with a position in a test file.
func behaviourProblems(rows []line, claimed, cited map[string]string) (problems []string) {
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Sprintf(format, args...))
	}
	listed := map[string]bool{}
	previous := ""
	for _, row := range rows {
		id, priority, behaviour := row.columns[0], row.columns[1], row.columns[2]
		state, note := row.columns[3], row.columns[4]
		if !isID.MatchString(id) {
			problem("%s: the id is %q; use A and three digits", row.at, id)
		}
		if id <= previous {
			problem("%s: %s follows %s; sort the rows by id, one row per id", row.at, id, previous)
		}
		previous = id
		listed[id] = true
		if !slices.Contains([]string{"P1", "P2", "P3", "N"}, priority) {
			problem("%s: the priority of %s is %q; use P1, P2, P3 or N", row.at, id, priority)
		}
		if behaviour == "" {
			problem("%s: %s has no behaviour", row.at, id)
		}
		switch state {
		case "":
			if claimed[id] == "" {
				problem("%s: no test claims %s; begin a doc comment with \"%s: \"", row.at, id, id)
			}
		case "planned", "not applicable":
			if note == "" {
				problem("%s: %s is %s and has no note that explains why", row.at, id, state)
			}
			if claimed[id] != "" {
				problem("%s: %s is %s, but %s claims it", row.at, id, state, claimed[id])
			}
		default:
			problem("%s: the state of %s is %q; use \"planned\", \"not applicable\" or nothing", row.at, id, state)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(cited)) {
		if !listed[id] {
			problem("%s: cites %s, which is not in behaviours.tsv", cited[id], id)
		}
	}
	return problems
}

// TestBehaviourProblems checks that TestBehaviours detects each kind of mistake.
func TestBehaviourProblems(t *testing.T) {
	row := func(id, priority, behaviour, state, note string) line {
		return line{"list:1", []string{id, priority, behaviour, state, note}}
	}
	first := row("A001", "P1", "It works.", "", "")
	second := row("A002", "P2", "It works.", "", "")
	planned := row("A002", "P3", "It works.", "planned", "It comes later.")
	for _, test := range []struct {
		name    string
		rows    []line
		claimed []string // the ids that tests claim
		cited   []string // the other ids that comments cite
		want    string   // the only problem, or "" for none
	}{
		{"correct", []line{first, planned}, []string{"A001"}, []string{"A002"}, ""},
		{"unknown id", []line{first}, []string{"A001"}, []string{"A999"},
			"a_test.go:1: cites A999, which is not in behaviours.tsv"},
		{"unclaimed row", []line{first, second}, []string{"A001"}, []string{"A002"},
			`list:1: no test claims A002; begin a doc comment with "A002: "`},
		{"claimed plan", []line{first, planned}, []string{"A001", "A002"}, nil,
			"list:1: A002 is planned, but a_test.go:1 claims it"},
		{"duplicate", []line{first, first}, []string{"A001"}, nil,
			"list:1: A001 follows A001; sort the rows by id, one row per id"},
		{"unsorted", []line{second, first}, []string{"A001", "A002"}, nil,
			"list:1: A001 follows A002; sort the rows by id, one row per id"},
		{"no note", []line{row("A001", "N", "It works.", "not applicable", "")}, nil, nil,
			"list:1: A001 is not applicable and has no note that explains why"},
		{"unknown state", []line{row("A001", "P1", "It works.", "later", "")}, nil, nil,
			`list:1: the state of A001 is "later"; use "planned", "not applicable" or nothing`},
		{"unknown priority", []line{row("A001", "P4", "It works.", "", "")}, []string{"A001"}, nil,
			`list:1: the priority of A001 is "P4"; use P1, P2, P3 or N`},
		{"malformed id", []line{row("B1", "P1", "It works.", "", "")}, []string{"B1"}, nil,
			`list:1: the id is "B1"; use A and three digits`},
		{"no behaviour", []line{row("A001", "P1", "", "", "")}, []string{"A001"}, nil,
			"list:1: A001 has no behaviour"},
	} {
		t.Run(test.name, func(t *testing.T) {
			claimed, cited := map[string]string{}, map[string]string{}
			for _, id := range test.claimed {
				claimed[id], cited[id] = "a_test.go:1", "a_test.go:1"
			}
			for _, id := range test.cited {
				cited[id] = "a_test.go:1"
			}
			got := strings.Join(behaviourProblems(test.rows, claimed, cited), "\n")
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestBehavioursMatchFeatures checks that behaviours.tsv has the same ids as the list of
// features from which it was made. The list is not part of the repository.
func TestBehavioursMatchFeatures(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(shared, "features.md"))
	if err != nil {
		t.Skipf("SKIPPED: behaviours.tsv is not compared with the list of features: %v", err)
	}
	var features, behaviours []string
	for _, m := range regexp.MustCompile(`(?m)^\| (A\d{3}) \|`).FindAllStringSubmatch(string(text), -1) {
		features = append(features, m[1])
	}
	for _, row := range table(t, "behaviours.tsv") {
		behaviours = append(behaviours, row.columns[0])
	}
	for _, id := range features {
		if !slices.Contains(behaviours, id) {
			t.Errorf("%s is in the list of features and not in behaviours.tsv", id)
		}
	}
	for _, id := range behaviours {
		if !slices.Contains(features, id) {
			t.Errorf("%s is in behaviours.tsv and not in the list of features", id)
		}
	}
}

// claims returns the ids that begin the doc comments of tests. Each id has the name of
// one such test.
func claims(t *testing.T) map[string]string {
	t.Helper()
	claimed := map[string]string{}
	claim := regexp.MustCompile(`^(A\d{3}(?:, A\d{3})*): `)
	for name, doc := range goTests(t) {
		m := claim.FindStringSubmatch(doc)
		if m == nil {
			if startsWithID.MatchString(doc) {
				t.Errorf("%s: malformed ids at the start of the comment; write them as in \"A085, A086: text\"", name)
			}
			continue
		}
		for id := range strings.SplitSeq(m[1], ", ") {
			claimed[id] = name
		}
	}
	return claimed
}

// citations returns the ids in the comments of all test files. Each id has the position
// of one comment.
func citations(t *testing.T) map[string]string {
	t.Helper()
	cited := map[string]string{}
	anID := regexp.MustCompile(`\bA\d{3}\b`)
	eachTestFile(t, func(name string, fset *token.FileSet, file *ast.File) {
		for _, group := range file.Comments {
			for _, comment := range group.List {
				for _, id := range anID.FindAllString(comment.Text, -1) {
					cited[id] = fmt.Sprintf("%s:%d", name, fset.Position(comment.Pos()).Line)
				}
			}
		}
	})
	return cited
}

var (
	isID         = regexp.MustCompile(`^A\d{3}$`)
	startsWithID = regexp.MustCompile(`^A\d{3}`)
)
