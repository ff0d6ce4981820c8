//! Futures made where they will live.

use std::pin::Pin;

/// Boxes the future that `make` gives.
///
/// `Box::pin` would make it elsewhere and then copy all of it, also the room for what it does not hold yet: ten
/// kilobytes for a request. `make` must not panic, or the compiler copies all the same.
pub fn in_place<F>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    let place = Box::new_uninit();
    Box::into_pin(Box::write(place, make()))
}
