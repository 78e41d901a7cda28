//! A harness connects an allocator with spanspec. Put your own calls in place of what is here.
//!
//!     cargo build --release
//!     spanspec smoke --exec target/release/harness    says in ten seconds what works
//!     spanspec fuzz --exec target/release/harness     looks for a difference, and makes it small

use std::io::{self, BufRead, Write};

/// Slots that are handed out lowest first, marked, and swept.
#[derive(Default)]
struct Span {
    taken: Vec<bool>,
    marked: Vec<bool>,
    sweepgen: u32,
}

impl Span {
    fn sweep(&mut self, sg: u32) -> String {
        let was_empty = self.taken.iter().all(|&taken| taken);
        let dead = self.taken.iter().zip(&self.marked).filter(|(&taken, &marked)| taken && !marked);
        let nfreed = dead.count();
        self.taken = std::mem::replace(&mut self.marked, vec![false; self.taken.len()]);
        self.sweepgen = sg;
        format!(r#""nfreed":{nfreed},"was_empty":{was_empty}"#)
    }

    /// Return the fields of the reply to a request.
    fn answer(&mut self, line: &str) -> String {
        let sg = number(line, "sg") as u32;
        match word(line, "op") {
            "hello" => r#""protocol":1,"name":"harness","levels":["span"]"#.to_string(),
            "new_span" => {
                let nelems = (number(line, "pages") * 8192 / number(line, "elemsize")) as usize;
                self.sweepgen = number(line, "sweepgen") as u32;
                (self.taken, self.marked) = (vec![false; nelems], vec![false; nelems]);
                String::new()
            }
            "allocate" => {
                let slot = self.taken.iter().position(|&taken| !taken);
                slot.map(|slot| self.taken[slot] = true);
                format!(r#""slot":{}"#, slot.unwrap_or(self.taken.len()))
            }
            "mark" => match number(line, "slot") as usize {
                slot if self.taken.get(slot) == Some(&true) => {
                    self.marked[slot] = true;
                    String::new()
                }
                slot => format!(r#""refused":"slot {slot} is free""#),
            },
            "refill" => { self.sweepgen = sg.wrapping_add(3); String::new() }
            "retire" => { self.sweepgen = sg; String::new() }
            "flush" if self.sweepgen != sg.wrapping_add(1) => { self.sweepgen = sg; r#""swept":false"#.into() }
            "flush" => format!(r#""swept":true,{}"#, self.sweep(sg)),
            "sweep" => self.sweep(sg),
            other => format!(r#""error":"there is no {other}""#),
        }
    }
}

/// Return what stands behind a field's name; spanspec writes its messages without spaces.
fn value<'a>(line: &'a str, name: &str) -> &'a str {
    let place = line.find(&format!("\"{name}\":")).map(|at| at + name.len() + 3);
    place.map_or("", |at| line[at..].split([',', '}']).next().unwrap_or(""))
}
fn number(line: &str, name: &str) -> u64 { value(line, name).parse().unwrap_or(0) }
fn word<'a>(line: &'a str, name: &str) -> &'a str { value(line, name).trim_matches('"') }

fn main() {
    let mut span = Span::default();
    for line in io::stdin().lock().lines() {
        let line = line.unwrap();
        let answer = format!("{{\"n\":{},{}}}", number(&line, "n"), span.answer(&line));
        println!("{}", answer.replace(",}", "}"));
        io::stdout().flush().unwrap();
    }
}
