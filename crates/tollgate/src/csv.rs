//! Rows as CSV on standard output.

use serde::Serialize;
use tollgate_admin::csv::lines;

use crate::{error::CliError, print};

/// Prints a line for each row, and one of names before them where `with_names`. Rows are flat objects with the same
/// members.
pub fn print<T: Serialize>(rows: &[T], with_names: bool) -> Result<(), CliError> {
    for line in lines(rows, with_names) {
        print::line(&line)?;
    }
    Ok(())
}
