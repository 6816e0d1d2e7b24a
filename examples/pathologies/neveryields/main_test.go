package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/asyncio/examples/pathologies/pathology"
	"example.com/asyncio/introspect"
)

var told = regexp.MustCompile(`^task program \(#\d+\) has run for .*s since it began, and never let anything else run\.$`)

// It is told while it blocks, and where: the stack goes through the program.
func TestItIsFound(t *testing.T) {
	found, err := pathology.Blocked(sick, time.Millisecond, 2*time.Millisecond)
	if err != nil || len(found) != 1 || found[0].Rule != introspect.RuleNeverYield || !told.MatchString(found[0].Text) || !strings.Contains(found[0].Stack, "neveryields.sick.") {
		t.Errorf("%+v %v", found, err)
	}
}

func TestNothingIsFoundOnItsTwin(t *testing.T) {
	if found, err := pathology.Findings(clean(func() {}), time.Minute); err != nil || len(found) != 0 {
		t.Errorf("%+v %v", found, err)
	}
}
