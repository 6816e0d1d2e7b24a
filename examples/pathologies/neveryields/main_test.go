package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio/examples/pathologies/pathology"
	"example.com/asyncio/introspect"
)

var told = regexp.MustCompile(`^task program \(#\d+\) has run for .*s since it started and has never suspended\. Nothing else could run\.$`)

const (
	warn  = 50 * time.Millisecond
	stuck = 100 * time.Millisecond
)

// The mistake is found while the loop is blocked. The stack contains the program.
func TestSickIsFound(t *testing.T) {
	found, _, err := pathology.InPieces(sick, warn, stuck)
	if err != nil || len(found) != 1 || found[0].Rule != introspect.RuleNeverYield || !told.MatchString(found[0].Text) || !strings.Contains(found[0].Stack, "neveryields.sick.") {
		t.Errorf("%+v %v", found, err)
	}
}

// The clean variant has the same pieces of work, which take as long in total.
func TestCleanHasNoFindings(t *testing.T) {
	found, took, err := pathology.InPieces(clean, warn, stuck)
	found = slices.DeleteFunc(found, func(f introspect.Finding) bool { return f.Rule != introspect.RuleNeverYield }) // on a busy machine a piece may take longer than warn
	if err != nil || len(found) != 0 || took < stuck {
		t.Errorf("took %v: got %+v, %v", took, found, err)
	}
}
