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

var told = regexp.MustCompile(`^task program \(#\d+\) has run for .*s since it began, and never let anything else run\.$`)

const (
	warn  = 50 * time.Millisecond
	stuck = 100 * time.Millisecond
)

// It is told while it blocks, and where: the stack goes through the program.
func TestItIsFound(t *testing.T) {
	found, _, err := pathology.InPieces(sick, warn, stuck)
	if err != nil || len(found) != 1 || found[0].Rule != introspect.RuleNeverYield || !told.MatchString(found[0].Text) || !strings.Contains(found[0].Stack, "neveryields.sick.") {
		t.Errorf("%+v %v", found, err)
	}
}

// Its twin has the same pieces, which take as long in all.
func TestNothingIsFoundOnItsTwin(t *testing.T) {
	found, took, err := pathology.InPieces(clean, warn, stuck)
	found = slices.DeleteFunc(found, func(f introspect.Finding) bool { return f.Rule != introspect.RuleNeverYield }) // on a busy machine a piece may take as long as warn
	if err != nil || len(found) != 0 || took < stuck {
		t.Errorf("in %v: %+v %v", took, found, err)
	}
}
