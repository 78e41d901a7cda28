// A load for the allocator: every size class, tiny and large objects, finalizers, goroutines whose
// stacks grow, and cycles all the time. Standard library only, one source for all versions.
//
// Usage: load MODE SECONDS SPANS. Modes: busy (never sleeps), slow (sleeps now and then), still (allocates
// once, then sleeps). SPANS is how many spans of one page are kept beside.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

type node struct {
	next *node
	data [5]uintptr
}

type state struct {
	bytes  [][]byte
	nodes  []*node
	tiny   []*uint16
	text   []string
	values []interface{}
}

var states [8]*state
var finalized [8]int64
var kept [][]byte

func deep(n int) int {
	var room [64]int
	if n == 0 {
		return room[n]
	}
	room[n%64] = n
	return deep(n-1) + room[n%64]
}

func work(id int, slow bool) {
	x := uint64(88172645463325252 + id*2654435761)
	random := func(n int) int {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		return int(x % uint64(n))
	}
	s := &state{
		bytes:  make([][]byte, 400),
		nodes:  make([]*node, 1500),
		tiny:   make([]*uint16, 3000),
		text:   make([]string, 500),
		values: make([]interface{}, 500),
	}
	states[id] = s
	for round := 0; ; round++ {
		switch random(10) {
		case 0, 1:
			size := random(640)
			if random(6) == 0 {
				size = random(32900)
			}
			s.bytes[random(len(s.bytes))] = make([]byte, size)
		case 2, 3, 4:
			first := &node{}
			for i := random(4); i > 0; i-- {
				first = &node{next: first}
			}
			s.nodes[random(len(s.nodes))] = first
		case 5, 6:
			s.tiny[random(len(s.tiny))] = new(uint16)
		case 7:
			s.text[random(len(s.text))] = fmt.Sprint(round, "of", id)
		case 8:
			switch random(12) {
			case 0:
				s.values[random(20)] = make([]*int, 600+random(9000))
			case 1:
				s.values[random(20)] = make([]byte, 32000+random(150000))
			case 2:
				done := make(chan int)
				go func() { done <- deep(20 + random(60)) }()
				<-done
			default:
				s.values[20+random(400)] = map[int]int{round: id}
			}
		default:
			f := &node{}
			runtime.SetFinalizer(f, func(*node) { finalized[id]++ })
			if random(3) == 0 {
				s.nodes[0] = f
			}
		}
		if random(60000) == 0 {
			for i := range s.bytes {
				s.bytes[i] = nil
			}
		}
		if slow && round%300 == 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
}

func number(place, otherwise int) int {
	if len(os.Args) > place {
		if n, err := strconv.Atoi(os.Args[place]); err == nil {
			return n
		}
	}
	return otherwise
}

func main() {
	mode := "busy"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	seconds, spans := number(2, 30), number(3, 0)
	if mode != "still" {
		runtime.GOMAXPROCS(4)
	}
	for i := 0; i < spans; i++ {
		kept = append(kept, make([]byte, 8192))
	}
	if mode != "still" {
		for id := 0; id < 4; id++ {
			go work(id, mode == "slow")
		}
		go func() {
			for {
				time.Sleep(170 * time.Millisecond)
				runtime.GC()
			}
		}()
	} else {
		runtime.GC()
	}
	fmt.Println("ready", runtime.Version())
	time.Sleep(time.Duration(seconds) * time.Second)
	runtime.KeepAlive(kept)
}
