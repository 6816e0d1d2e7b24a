package zerovalue_test

import (
	"slices"
	"testing"

	"example.com/asyncio/internal/zerovalue"
)

func TestStructsFindsTheExportedStructs(t *testing.T) {
	got, err := zerovalue.Structs(".")
	if want := []string{"Use"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Structs of this package = %q, %v, want %q", got, err, want)
	}
	if _, err := zerovalue.Structs("testdata"); err == nil {
		t.Error("Structs of a missing directory has no error")
	}
}

func TestUsesOfTheZeroValue(t *testing.T) {
	zerovalue.Test(t, map[string][]zerovalue.Use{"Use": {
		{Name: "no call", Call: func() { (zerovalue.Use{}).Call() }, Panics: "nil pointer"},
		{Name: "no panic", Call: func() {}},
	}})
}
