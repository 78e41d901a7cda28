// The slots of one span, in Go: freeindex, allocBits and the 64-bit allocCache in front of it.
//
//	go build
//	spanspec fuzz --exec ./span
//	spanspec fuzz --exec "env PLANT=1 ./span"    # with a bug
package main

import (
	"encoding/json"
	"math/bits"
	"os"
)

const (
	word = 64
	page = 8192
)

type ask struct {
	Op                       string
	N, Pages, Elemsize, Slot int
	SizeClass                int `json:"size_class"`
	Sg, Sweepgen             uint32
}

type reply map[string]any

type bitmap [16]uint64

func (b *bitmap) has(slot int) bool { return b[slot/word]>>(slot%word)&1 == 1 }

func (b *bitmap) slots() []int {
	found := []int{}
	for slot := 0; slot < len(b)*word; slot++ {
		if b.has(slot) {
			found = append(found, slot)
		}
	}
	return found
}

type span struct {
	nelems, freeindex, allocCount int
	allocCache                    uint64
	allocBits, markBits           bitmap
	sweepgen                      uint32
	needzero                      int
	isLarge                       bool
}

var isPlanted = os.Getenv("PLANT") == "1"

// nextFreeFast takes a slot of the cache, unless it shows none, or the last of its word.
func (s *span) nextFreeFast() (int, bool) {
	ahead := bits.TrailingZeros64(s.allocCache)
	slot := s.freeindex + ahead
	if ahead == word || slot >= s.nelems || (slot+1)%word == 0 && slot+1 != s.nelems {
		return 0, false
	}
	s.stepPast(slot, ahead)
	return slot, true
}

// nextFreeSlow searches on, word by word.
func (s *span) nextFreeSlow() (int, bool) {
	index := s.freeindex
	for index < s.nelems && s.allocCache == 0 {
		if index = (index | (word - 1)) + 1; index < s.nelems {
			s.allocCache = ^s.allocBits[index/word]
		}
	}
	ahead := bits.TrailingZeros64(s.allocCache)
	if index+ahead >= s.nelems {
		s.freeindex = s.nelems
		return 0, false
	}
	s.stepPast(index+ahead, ahead)
	if s.freeindex%word == 0 && s.freeindex != s.nelems {
		s.allocCache = ^s.allocBits[s.freeindex/word]
	}
	return index + ahead, true
}

func (s *span) stepPast(slot, ahead int) {
	s.allocCache >>= ahead + 1
	s.freeindex = slot + 1
	s.allocCount++
}

func (s *span) sweep(sg uint32, says reply) {
	alive := len(s.markBits.slots())
	nfreed := s.allocCount - alive
	says["nfreed"], says["was_empty"] = nfreed, s.allocCount == s.nelems
	if s.isLarge && alive == 0 || !s.isLarge && nfreed > 0 {
		s.needzero = 1
	}
	s.allocBits, s.markBits = s.markBits, bitmap{}
	s.allocCount, s.freeindex, s.sweepgen = alive, 0, sg
	if isPlanted {
		s.markBits = s.allocBits // the bug: old bits survive as marks
	}
	s.allocCache = ^s.allocBits[0]
}

func (s *span) answer(a ask) reply {
	says := reply{"n": a.N}
	switch a.Op {
	case "hello":
		says["protocol"], says["name"] = 1, "span.go"
		says["levels"], says["shows"] = []string{"span"}, []string{"state"}
	case "new_span":
		*s = span{nelems: a.Pages * page / a.Elemsize, allocCache: ^uint64(0),
			sweepgen: a.Sweepgen, isLarge: a.SizeClass == 0}
	case "allocate":
		says["path"] = "fast"
		slot, ok := s.nextFreeFast()
		if !ok {
			says["path"] = "slow"
			if slot, ok = s.nextFreeSlow(); !ok {
				slot, says["path"] = s.nelems, "full"
			}
		}
		says["slot"] = slot
	case "mark":
		if a.Slot >= s.nelems || a.Slot >= s.freeindex && !s.allocBits.has(a.Slot) {
			says["refused"] = "a free slot cannot be marked"
			break
		}
		s.markBits[a.Slot/word] |= 1 << (a.Slot % word)
	case "refill":
		s.allocCache = ^s.allocBits[s.freeindex/word] >> (s.freeindex % word)
		s.sweepgen = a.Sg + 3
	case "retire":
		s.sweepgen = a.Sg
	case "flush":
		says["swept"] = s.sweepgen == a.Sg+1
		if s.sweepgen == a.Sg+1 {
			s.sweep(a.Sg, says)
		}
		s.sweepgen = a.Sg
	case "sweep":
		s.sweep(a.Sg, says)
	case "span_state":
		says["nelems"], says["freeindex"], says["alloc_count"] = s.nelems, s.freeindex, s.allocCount
		says["alloc_bits"], says["mark_bits"] = s.allocBits.slots(), s.markBits.slots()
		says["sweepgen"], says["needzero"] = s.sweepgen, s.needzero
		if s.freeindex < s.nelems {
			says["alloc_cache"] = s.allocCache
		}
	default:
		says["error"] = "there is no " + a.Op
	}
	return says
}

func main() {
	one, in, out := span{}, json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for a := (ask{}); in.Decode(&a) == nil; a = (ask{}) {
		out.Encode(one.answer(a))
	}
}
