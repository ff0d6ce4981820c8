//! Builds the crate again when a migration is added: the migrations are compiled in, and cargo
//! looks at Rust files only.

fn main() {
    println!("cargo::rerun-if-changed=src/migration");
}
