// Package suite tests several nouns of package asyncio at once: all interleavings of
// small scenes, misuse of the API, random load, and whole lifecycles. It has no code of
// its own.
package suite
