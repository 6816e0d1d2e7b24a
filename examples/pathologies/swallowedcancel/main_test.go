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
	if err != nil || len(found) != 1 || found[0].Rule != introspect.RuleSwallowed || found[0].Text != "task poller (#5) was asked to cancel by task program 55s ago. It has continued, and has awaited 56 times since." {
		t.Errorf("%+v %v", found, err)
	}
}

func TestCleanHasNoFindings(t *testing.T) {
	if found, err := pathology.Findings(clean, time.Minute); err != nil || len(found) != 0 {
		t.Errorf("%+v %v", found, err)
	}
}
