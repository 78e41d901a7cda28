//! The slots of one span, in Rust: freeindex, allocBits and the 64-bit allocCache in front of it.
//!
//!     cargo build --release
//!     spanspec fuzz --exec target/release/span
//!     spanspec fuzz --exec "env PLANT=1 target/release/span"    with a bug

use std::io::{self, BufRead, Write};

const WORD: usize = 64;
const PAGE: usize = 8192;

#[derive(Default)]
struct Span {
    nelems: usize,
    freeindex: usize,
    alloc_count: usize,
    alloc_cache: u64,
    alloc_bits: Vec<u64>,
    mark_bits: Vec<u64>,
    sweepgen: u32,
    needzero: u8,
    is_large: bool,
    is_planted: bool,
}

fn bit(bits: &[u64], slot: usize) -> bool {
    bits[slot / WORD] >> (slot % WORD) & 1 == 1
}

fn set_bits(bits: &[u64]) -> String {
    let slots = (0..bits.len() * WORD).filter(|&slot| bit(bits, slot));
    slots.map(|slot| slot.to_string()).collect::<Vec<_>>().join(",")
}

impl Span {
    fn new(size_class: u64, nelems: usize, sweepgen: u32) -> Span {
        Span {
            nelems,
            alloc_cache: !0,
            alloc_bits: vec![0; nelems / WORD + 1],
            mark_bits: vec![0; nelems / WORD + 1],
            sweepgen,
            is_large: size_class == 0,
            is_planted: std::env::var("PLANT").as_deref() == Ok("1"),
            ..Span::default()
        }
    }

    /// Take a slot of the cache, unless it shows none, or the last of its word.
    fn allocate_fast(&mut self) -> Option<usize> {
        let ahead = self.alloc_cache.trailing_zeros() as usize;
        let slot = self.freeindex + ahead;
        let ends_word = (slot + 1) % WORD == 0 && slot + 1 != self.nelems;
        if ahead == WORD || slot >= self.nelems || ends_word {
            return None;
        }
        self.step_past(slot, ahead);
        Some(slot)
    }

    /// Search on, word by word.
    fn allocate_slow(&mut self) -> Option<usize> {
        let mut index = self.freeindex;
        while index < self.nelems && self.alloc_cache == 0 {
            index = (index | (WORD - 1)) + 1;
            if index < self.nelems {
                self.alloc_cache = !self.alloc_bits[index / WORD];
            }
        }
        let ahead = self.alloc_cache.trailing_zeros() as usize;
        if index + ahead >= self.nelems {
            self.freeindex = self.nelems;
            return None;
        }
        self.step_past(index + ahead, ahead);
        if self.freeindex % WORD == 0 && self.freeindex != self.nelems {
            self.alloc_cache = !self.alloc_bits[self.freeindex / WORD];
        }
        Some(index + ahead)
    }

    fn step_past(&mut self, slot: usize, ahead: usize) {
        self.alloc_cache = self.alloc_cache.checked_shr(ahead as u32 + 1).unwrap_or(0);
        self.freeindex = slot + 1;
        self.alloc_count += 1;
    }

    fn sweep(&mut self, sg: u32) -> String {
        let alive = self.mark_bits.iter().map(|word| word.count_ones() as usize).sum::<usize>();
        let (nfreed, was_empty) = (self.alloc_count - alive, self.alloc_count == self.nelems);
        if if self.is_large { alive == 0 } else { nfreed > 0 } && !self.is_planted {
            self.needzero = 1; // the bug forgets that what was freed is not zero
        }
        let words = self.mark_bits.len();
        self.alloc_bits = std::mem::replace(&mut self.mark_bits, vec![0; words]);
        (self.alloc_count, self.freeindex, self.sweepgen) = (alive, 0, sg);
        self.alloc_cache = !self.alloc_bits[0];
        format!(r#""nfreed":{nfreed},"was_empty":{was_empty}"#)
    }

    fn shown(&self) -> String {
        let cache = if self.freeindex < self.nelems { self.alloc_cache.to_string() } else { "null".into() };
        format!(
            r#""nelems":{},"freeindex":{},"alloc_count":{},"alloc_bits":[{}],"mark_bits":[{}],"alloc_cache":{},"sweepgen":{},"needzero":{}"#,
            self.nelems, self.freeindex, self.alloc_count, set_bits(&self.alloc_bits),
            set_bits(&self.mark_bits), cache, self.sweepgen, self.needzero
        )
    }

    /// Return the fields of the reply to a request.
    fn answer(&mut self, line: &str) -> String {
        let (sg, slot) = (number(line, "sg") as u32, number(line, "slot") as usize);
        match value(line, "op").trim_matches('"') {
            "hello" => return r#""protocol":1,"name":"span.rs","levels":["span"],"shows":["state"]"#.into(),
            "new_span" => {
                let nelems = number(line, "pages") as usize * PAGE / number(line, "elemsize") as usize;
                *self = Span::new(number(line, "size_class"), nelems, number(line, "sweepgen") as u32);
            }
            "allocate" => {
                let found = self.allocate_fast().map(|slot| (slot, "fast"));
                let found = found.or_else(|| self.allocate_slow().map(|slot| (slot, "slow")));
                let (slot, path) = found.unwrap_or((self.nelems, "full"));
                return format!(r#""slot":{slot},"path":"{path}""#);
            }
            "mark" if slot >= self.nelems || slot >= self.freeindex && !bit(&self.alloc_bits, slot) => {
                return r#""refused":"a free slot cannot be marked""#.into();
            }
            "mark" => self.mark_bits[slot / WORD] |= 1 << (slot % WORD),
            "refill" => {
                self.alloc_cache = !self.alloc_bits[self.freeindex / WORD] >> (self.freeindex % WORD);
                self.sweepgen = sg.wrapping_add(3);
            }
            "retire" => self.sweepgen = sg,
            "flush" if self.sweepgen == sg.wrapping_add(1) => return format!(r#""swept":true,{}"#, self.sweep(sg)),
            "flush" => {
                self.sweepgen = sg;
                return r#""swept":false"#.into();
            }
            "sweep" => return self.sweep(sg),
            "span_state" => return self.shown(),
            other => return format!(r#""error":"there is no {other}""#),
        }
        String::new()
    }
}

/// Return what stands behind a field's name; spanspec writes its messages without spaces.
fn value<'a>(line: &'a str, name: &str) -> &'a str {
    let place = line.find(&format!("\"{name}\":")).map(|at| at + name.len() + 3);
    place.map_or("", |at| line[at..].split([',', '}']).next().unwrap_or(""))
}

fn number(line: &str, name: &str) -> u64 {
    value(line, name).parse().unwrap_or(0)
}

fn main() {
    let mut span = Span::default();
    for line in io::stdin().lock().lines() {
        let line = line.unwrap();
        let answer = format!("{{\"n\":{},{}}}", number(&line, "n"), span.answer(&line));
        println!("{}", answer.replace(",}", "}"));
        io::stdout().flush().unwrap();
    }
}
