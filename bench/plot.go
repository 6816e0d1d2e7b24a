package main

func grow(o options, file string) error { return nil }
