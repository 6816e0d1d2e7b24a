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
	if err != nil || len(found) != 1 || found[0].Rule != introspect.RuleLostWakeup || found[0].Text != "task program (#3) waits for <Condition unlocked waiters=1>, which was notified once when it had no waiters; no task is left to notify it again." {
		t.Errorf("%+v %v", found, err)
	}
}

func TestCleanHasNoFindings(t *testing.T) {
	if found, err := pathology.Findings(clean, time.Minute); err != nil || len(found) != 0 {
		t.Errorf("%+v %v", found, err)
	}
}
