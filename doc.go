// Package asyncio is the task system of Python's asyncio for Go.
package asyncio
