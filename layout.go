package asyncio

import "unsafe"

// This file contains every use of package unsafe in this package; a policy test rejects
// others. It serves two purposes.
//
// One word per entry. An entry of the ready queue, of the timer heap or of a future's
// waiters is one pointer to a head, which is the first field of five types. Its kind says
// which. An interface would take two words: the ready queue of a million tasks would be 8
// MB larger, and each wake-up would have a second write barrier. See
// docs/decisions/0008-layout.md for the measurements.
//
// The code of a function. Tasks and handles print their functions, and RemoveDoneCallback
// compares functions. Package reflect can read the same word, but makes creating a task
// 30 % slower.

// An entry is a pointer to the head of something that the loop runs or that waits for a
// future.
type entry = *head

// A head is the first field of taskBase, Handle, registration and futureExtra, and of a
// callback, which begins with a Handle.
type head struct {
	kind entryKind // set at creation

	// Of a task. The fields are here because the head has room for them.
	mustCancel bool  // the task must still receive taskBase.request: see the table in cancel.go
	visited    bool  // the cancel request that is under way has visited the task: see cancel.go
	depth      uint8 // the number of tasks below it on its stack; set by runOnTop
	cancels    int16 // cancel requests minus Uncancels; at most math.MaxInt16

	// Of a Handle, and of the registration of a Sleep.
	cancelled bool // the call is skipped; set by Cancel, and at the end of a Sleep
	queued    bool // it is in the timer heap
}

// An entryKind is the type that begins with the head. There is one kind per type, and one
// more for the Handle of a sharedCallback, which is never an entry itself.
type entryKind uint8

const (
	kindHandle       entryKind = iota // Handle
	kindTask                          // taskBase
	kindRegistration                  // registration
	kindCallback                      // callback, which begins with a Handle
	kindShared                        // callback, in a sharedCallback
	kindFutureExtra                   // futureExtra; only as futureBase.waiter
)

// The head must come first. Each constant overflows if it does not.
const (
	_ uintptr = -unsafe.Offsetof(taskBase{}.head)
	_ uintptr = -unsafe.Offsetof(Handle{}.head)
	_ uintptr = -unsafe.Offsetof(callback{}.Handle)
	_ uintptr = -unsafe.Offsetof(registration{}.head)
	_ uintptr = -unsafe.Offsetof(futureExtra{}.head)
)

// task returns the task that begins with h; nil if h begins something else.
func (h *head) task() *taskBase {
	if h.kind != kindTask {
		return nil
	}
	return (*taskBase)(unsafe.Pointer(h))
}

// registration returns the registration that begins with h; nil if h begins something
// else.
func (h *head) registration() *registration {
	if h.kind != kindRegistration {
		return nil
	}
	return (*registration)(unsafe.Pointer(h))
}

// handle returns the Handle that begins with h, which must be neither a task nor a
// registration.
func (h *head) handle() *Handle { return (*Handle)(unsafe.Pointer(h)) }

// callback returns the callback that begins with h; nil if h is a plain Handle.
func (h *Handle) callback() *callback {
	if h.kind == kindHandle {
		return nil
	}
	return (*callback)(unsafe.Pointer(h))
}

// extraOrNil returns the futureExtra of f; nil if it has none. It takes the place of the
// waiter: a field of its own would make a Future[int] 80 bytes instead of 64, and a
// wake-up 12 to 18 % slower.
func (f *futureBase) extraOrNil() *futureExtra {
	if f.waiter == nil || f.waiter.kind != kindFutureExtra {
		return nil
	}
	return (*futureExtra)(unsafe.Pointer(f.waiter))
}

// codePointer returns the address of a function's code; 0 for a nil function. F is a
// function type.
func codePointer[F any](f F) uintptr {
	p := *(*unsafe.Pointer)(unsafe.Pointer(&f))
	if p == nil {
		return 0
	}
	return *(*uintptr)(p)
}

// closurePointer returns the identity of a function value. Two closures made by one func
// literal share their code and differ in this. F is a function type.
func closurePointer[F any](f F) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&f))
}

// A function value is one pointer, which codePointer and closurePointer read. The
// constant overflows if it is not.
const _ uintptr = -(unsafe.Sizeof((func())(nil)) - unsafe.Sizeof(uintptr(0)))
