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
	if err != nil || len(found) != 1 || found[0].Rule != introspect.RuleGrowing || found[0].Text != "<Queue maxsize=0 size=3000 unfinished=6001> keeps growing: from 64 items to 2048 in 39.68s. More items are put in than are taken out." {
		t.Errorf("%+v %v", found, err)
	}
}

func TestCleanHasNoFindings(t *testing.T) {
	if found, err := pathology.Findings(clean, time.Minute); err != nil || len(found) != 0 {
		t.Errorf("%+v %v", found, err)
	}
}
