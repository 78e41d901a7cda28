// The probe: does what it is told on standard input, one operation after another, and says where the
// object is. It is watched from outside; it looks at nothing itself. One source serves every version of
// Go from 1.12 on, with the standard library only.
//
//	a ID SIZE n|p   allocate SIZE bytes, without or with pointers, and keep them as ID
//	d ID            drop what is kept as ID
//	g               collect
//	q               end
//
// It answers each with a line: the address of the object, or 0. Between two answers it waits in a read, and
// nothing else runs: collections are its own only.
package main

import (
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"
)

const kept = 1 << 16

var (
	roots [kept]unsafe.Pointer
	in    [1 << 16]byte
	out   [32]byte
)

func answer(value uint64) {
	at := len(out) - 1
	out[at] = '\n'
	for {
		at--
		out[at] = byte('0' + value%10)
		value /= 10
		if value == 0 {
			break
		}
	}
	if _, err := syscall.Write(1, out[at:]); err != nil {
		syscall.Exit(1)
	}
}

func number(line []byte, at int) (int, int) {
	for at < len(line) && line[at] == ' ' {
		at++
	}
	value := 0
	for at < len(line) && line[at] >= '0' && line[at] <= '9' {
		value = value*10 + int(line[at]-'0')
		at++
	}
	return value, at
}

func allocate(id, size int, kind byte) uint64 {
	if kind == 'p' {
		words := make([]*byte, size/8)
		roots[id] = unsafe.Pointer(&words[0])
	} else {
		bytes := make([]byte, size)
		roots[id] = unsafe.Pointer(&bytes[0])
	}
	return uint64(uintptr(roots[id]))
}

func do(line []byte) {
	id, at := number(line, 1)
	switch line[0] {
	case 'a':
		size, end := number(line, at)
		answer(allocate(id%kept, size, line[end+1]))
	case 'd':
		roots[id%kept] = nil
		answer(0)
	case 'g':
		runtime.GC()
		answer(0)
	default:
		syscall.Exit(0)
	}
}

func main() {
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(1)
	runtime.GC()
	answer(1)
	have := 0
	for {
		count, err := syscall.Read(0, in[have:])
		if count <= 0 || err != nil {
			syscall.Exit(0)
		}
		have += count
		start := 0
		for at := 0; at < have; at++ {
			if in[at] == '\n' {
				if at > start {
					do(in[start:at])
				}
				start = at + 1
			}
		}
		copy(in[:], in[start:have])
		have -= start
	}
}
