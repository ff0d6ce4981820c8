use tollgate_engine::pull::{Source, Terminal, pull};
fn main() {
    let mut a = std::env::args().skip(1);
    let dir = a.next().unwrap();
    let source = a.next().map_or(Source::Pip, |f| Source::File(f.into()));
    let t = std::time::Instant::now();
    match pull(dir.as_ref(), &source, &Terminal::new()) {
        Ok(p) => println!("{p:?} {:?}", t.elapsed()),
        Err(e) => { println!("{e}"); let mut s = std::error::Error::source(&e); while let Some(x) = s { println!("  {x}"); s = x.source(); } }
    }
}
