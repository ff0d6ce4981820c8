//! The process's allocator.

use mimalloc::MiMalloc;

/// The system's takes a tenth more of a request's time: many small pieces come and go on several threads.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Gives memory that this thread has freed back to the system at once. The allocator by itself waits until so much
/// more is asked of it that it looks around, which a gate without requests may not come to for long.
#[expect(
    unsafe_code,
    reason = "the allocator's own function, which its crate declares and does not wrap"
)]
pub fn give_back() {
    // SAFETY: it takes no pointer, and may be called by any thread at any time.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
