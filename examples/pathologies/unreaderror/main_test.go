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
	if err != nil || len(found) != 1 || found[0].Rule != introspect.RuleUnread || found[0].Text != "task refresh (#5) failed 1m0s ago, and its error was never read: the cache is read-only" {
		t.Errorf("%+v %v", found, err)
	}
}

func TestCleanHasNoFindings(t *testing.T) {
	if found, err := pathology.Findings(clean, time.Minute); err != nil || len(found) != 0 {
		t.Errorf("%+v %v", found, err)
	}
}
