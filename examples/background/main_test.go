package main

import (
	"context"
	"errors"
	"fmt"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// This example runs the program in virtual time.
func Example() {
	r := &asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
	if err := errors.Join(r.Run(context.Background(), background), r.Close()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ten tasks in a set
	//   in the set: 10
	//   task 9 is done
	//   task 8 is done
	//   task 7 is done
	//   task 6 is done
	//   task 5 is done
	//   in the set: 5
	//   task 4 is done
	//   task 3 is done
	//   task 2 is done
	//   task 1 is done
	//   task 0 is done
	//   in the set: 0
	// ten tasks without a reference
	//   task 9 is done
	//   task 8 is done
	//   task 7 is done
	//   task 6 is done
	//   task 5 is done
	//   other tasks after a garbage collection: 5
	//   task 4 is done
	//   task 3 is done
	//   task 2 is done
	//   task 1 is done
	//   task 0 is done
	//   all are done
}
