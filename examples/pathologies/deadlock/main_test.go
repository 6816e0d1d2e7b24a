package main

import (
	"testing"
	"time"

	"example.com/asyncio/examples/pathologies/pathology"
	"example.com/asyncio/introspect"
)

// The mistake is found and reported with this text.
func TestSickIsFound(t *testing.T) {
	found, err := pathology.Findings(sick, time.Minute)
	if err != nil || len(found) != 1 || found[0].Rule != introspect.RuleDeadlock || found[0].Text != "Deadlock: task there (#5) waits for <Lock locked waiters=1>, held by task back (#6), which waits for <Lock locked waiters=1>, held by task there (#5). None of them can continue." {
		t.Errorf("%+v %v", found, err)
	}
}

func TestCleanHasNoFindings(t *testing.T) {
	if found, err := pathology.Findings(clean, time.Minute); err != nil || len(found) != 0 {
		t.Errorf("%+v %v", found, err)
	}
}
