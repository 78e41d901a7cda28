// Serves a stream of requests by Go's own allocator, and prints how long it took.
//
//	goreplay STREAM PASSES
//
// A stream is pairs of 64-bit integers, a code and a place, as spanbench/others/requests.py writes
// them. What the program holds stands in one slice of pointers. Automatic collection is off: the
// cycles are those of the stream. Between two passes everything is dropped and collected, which
// is not counted.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	drop  = -1
	cycle = -2
)

type request struct{ code, place int64 }

// pass holds what serving the stream once took, in seconds: on the clock, of processor time of the
// whole process, and how much of the clock's was spent in cycles.
type pass struct {
	Clock     float64 `json:"clock"`
	Processor float64 `json:"processor"`
	Cycles    float64 `json:"cycles"`
}

// mallocgc is what `new` and `make` end in. A nil type stands for memory without pointers.
//
//go:linkname mallocgc runtime.mallocgc
func mallocgc(size uintptr, typ unsafe.Pointer, needzero bool) unsafe.Pointer

// typeOfPointer is the runtime's description of *byte: an object of any number of words of it is
// an array of pointers.
func typeOfPointer() unsafe.Pointer {
	var pointer interface{} = (*byte)(nil)
	return *(*unsafe.Pointer)(unsafe.Pointer(&pointer))
}

func processor() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}

func serve(stream []request, held []unsafe.Pointer, pointers unsafe.Pointer) pass {
	var cycles time.Duration
	used, started := processor(), time.Now()
	for _, one := range stream {
		switch {
		case one.code >= 0:
			typ := pointers
			if one.code&2 != 0 {
				typ = nil
			}
			held[one.place] = mallocgc(uintptr(one.code>>2), typ, one.code&1 != 0)
		case one.code == drop:
			held[one.place] = nil
		default:
			began := time.Now()
			runtime.GC()
			cycles += time.Since(began)
		}
	}
	clock := time.Since(started)
	return pass{clock.Seconds(), processor() - used, cycles.Seconds()}
}

func read(path string) (stream []request, places int64, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	stream = make([]request, len(data)/16)
	for i := range stream {
		at := data[i*16:]
		one := request{int64(binary.LittleEndian.Uint64(at)), int64(binary.LittleEndian.Uint64(at[8:]))}
		if one.place >= places {
			places = one.place + 1
		}
		stream[i] = one
	}
	return stream, places, nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: goreplay STREAM PASSES")
		os.Exit(2)
	}
	stream, places, err := read(os.Args[1])
	passes, problem := strconv.Atoi(os.Args[2])
	if err != nil || problem != nil {
		fmt.Fprintln(os.Stderr, "goreplay:", err, problem)
		os.Exit(2)
	}
	debug.SetGCPercent(-1)
	held := make([]unsafe.Pointer, places)
	pointers := typeOfPointer()
	taken := make([]pass, 0, passes)
	for i := 0; i < passes; i++ {
		taken = append(taken, serve(stream, held, pointers))
		for place := range held {
			held[place] = nil
		}
		runtime.GC()
	}
	if err := json.NewEncoder(os.Stdout).Encode(taken); err != nil {
		panic(err)
	}
}
