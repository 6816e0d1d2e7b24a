package asyncio

// A Frame is a call on a task's stack.
type Frame struct {
	Func string `json:"func"` // main.fetch
	File string `json:"file"`
	Line int    `json:"line"`
}
