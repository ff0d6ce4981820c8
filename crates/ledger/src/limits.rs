//! Bounds on what one API key may do, each in its own file.

pub mod concurrency;
