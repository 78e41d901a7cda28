// A harness connects an allocator with spanspec. Put your own calls in place of what is here.
//
//	go build
//	spanspec smoke --exec ./harness    says in ten seconds what works
//	spanspec fuzz --exec ./harness     looks for a difference, and makes it small
package main

import (
	"encoding/json"
	"os"
)

type ask struct {
	Op                       string
	N, Pages, Elemsize, Slot int
	Sg, Sweepgen             uint32
}
type reply map[string]any

type span struct { // Its slots are handed out lowest first, marked, and swept.
	taken, marked []bool
	sweepgen      uint32
}

func (s *span) sweep(sg uint32, says reply) {
	nfreed, full := 0, true
	for slot, taken := range s.taken {
		full = full && taken
		if taken && !s.marked[slot] {
			nfreed++
		}
	}
	s.taken, s.marked, s.sweepgen = s.marked, make([]bool, len(s.taken)), sg
	says["nfreed"], says["was_empty"] = nfreed, full
}

func (s *span) answer(a ask) reply {
	says := reply{"n": a.N}
	switch a.Op {
	case "hello":
		says["protocol"], says["name"], says["levels"] = 1, "harness", []string{"span"}
	case "new_span":
		n := a.Pages * 8192 / a.Elemsize
		s.taken, s.marked, s.sweepgen = make([]bool, n), make([]bool, n), a.Sweepgen
	case "allocate":
		slot := 0
		for slot < len(s.taken) && s.taken[slot] {
			slot++
		}
		if says["slot"] = slot; slot < len(s.taken) {
			s.taken[slot] = true
		}
	case "mark":
		if a.Slot >= len(s.taken) || !s.taken[a.Slot] {
			says["refused"] = "the slot is free"
			break
		}
		s.marked[a.Slot] = true
	case "refill":
		s.sweepgen = a.Sg + 3
	case "retire":
		s.sweepgen = a.Sg
	case "flush":
		says["swept"] = s.sweepgen == a.Sg+1 // it is of the last cycle
		if s.sweepgen == a.Sg+1 {
			s.sweep(a.Sg, says)
		}
		s.sweepgen = a.Sg
	case "sweep":
		s.sweep(a.Sg, says)
	}
	return says
}

func main() {
	one, in, out := span{}, json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for a := (ask{}); in.Decode(&a) == nil; a = (ask{}) {
		out.Encode(one.answer(a))
	}
}
