package executor_test

import (
	"testing"

	"example.com/asyncio/executor"
	"example.com/asyncio/internal/zerovalue"
)

func TestZeroValuesWorkOrPanicWithAdvice(t *testing.T) {
	const advice = "make it with NewPool"
	job := executor.Call("job", nothing, ignore)
	var none *executor.Pool
	zerovalue.Test(t, map[string][]zerovalue.Use{
		"Pool": {
			{Name: "Shutdown", Call: func() { shutdown(t, new(executor.Pool)) }},
			{Name: "Jobs", Call: func() { new(executor.Pool).Jobs() }},
			{Name: "Abandoned", Call: func() { new(executor.Pool).Abandoned() }},
			{Name: "String", Call: func() { _ = new(executor.Pool).String() }},
			{Name: "nil/Submit", Call: func() { none.Submit(background, job) }, Panics: advice},
			{Name: "nil/SubmitIn", Call: func() { none.SubmitIn(new(executor.Slot), background, job) }, Panics: advice},
			{Name: "nil/Shutdown", Call: func() { none.Shutdown(background) }, Panics: advice},
			{Name: "nil/Jobs", Call: func() { none.Jobs() }, Panics: advice},
			{Name: "nil/Abandoned", Call: func() { none.Abandoned() }, Panics: advice},
			{Name: "nil/Size", Call: func() { none.Size() }, Panics: advice},
			{Name: "nil/String", Call: func() { _ = none.String() }, Panics: advice},
		},
		"Slot": {
			{Name: "Cancel", Call: func() { new(executor.Slot).Cancel(nil) }, Panics: "call SubmitIn first"},
			{Name: "nil", Call: func() { new(executor.Pool).SubmitIn(nil, background, job) }, Panics: "use new(Slot)"},
		},
		"PanicError": {{Name: "Error", Call: func() { _ = (&executor.PanicError{}).Error() }}},
		"BusyError":  {{Name: "Error", Call: func() { _ = (&executor.BusyError{}).Error() }}},
		"JobInfo":    {{Name: "String", Call: func() { _ = executor.JobInfo{}.State.String() }}},
	})
}

func TestZeroPoolHasTheDefaultSize(t *testing.T) {
	if got, want := new(executor.Pool).Size(), executor.NewPool(0).Size(); got != want {
		t.Errorf("Size() of the zero Pool = %d, want %d", got, want)
	}
}

func TestZeroPoolRunsJobs(t *testing.T) {
	var p executor.Pool
	ended := make(chan error, 1)
	submit(t, &p, "job", nothing, func(_ any, err error) { ended <- err })
	if err := <-ended; err != nil {
		t.Errorf("outcome = %v, want nil", err)
	}
	shutdown(t, &p)
	if _, err := p.Submit(background, executor.Call("late", nothing, ignore)); err != executor.ErrShutdown {
		t.Errorf("Submit after Shutdown = %v, want ErrShutdown", err)
	}
}
