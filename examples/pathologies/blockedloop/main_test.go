package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/asyncio/examples/pathologies/pathology"
	"example.com/asyncio/introspect"
)

var told = regexp.MustCompile(`^task program \(#\d+\) has blocked the loop for .*s\. Nothing else could run\.$`)

// The mistake is found while the loop is blocked. The stack contains the program.
func TestSickIsFound(t *testing.T) {
	found, err := pathology.Blocked(sick, time.Millisecond, 2*time.Millisecond)
	if err != nil || len(found) != 1 || found[0].Rule != introspect.RuleBlocked || !told.MatchString(found[0].Text) || !strings.Contains(found[0].Stack, "blockedloop.sick.") {
		t.Errorf("%+v %v", found, err)
	}
}

func TestCleanHasNoFindings(t *testing.T) {
	if found, err := pathology.Blocked(clean, 10*time.Second, 10*time.Second); err != nil || len(found) != 0 {
		t.Errorf("%+v %v", found, err)
	}
}
