//! Lets the engine's threads stand back behind the rest of the gate.

/// How nice to others they are: of a contested core a thread that carries requests gets all but a thirtieth.
#[cfg(target_os = "linux")]
const NICE: i32 = 15;

/// The same for work beside the engine, which gets a third of a core where both want it.
#[cfg(target_os = "linux")]
const NICEST: i32 = 19;

/// Lowers the priority of the calling thread, one of the engine's. Where that fails it works on as it is.
#[cfg(target_os = "linux")]
pub(crate) fn lower() {
    lower_to(NICE);
}

/// Lowers it below the engine's: a form in the making is not to hold up answers.
#[cfg(target_os = "linux")]
pub(crate) fn lower_below_the_engine() {
    lower_to(NICEST);
}

#[cfg(target_os = "linux")]
fn lower_to(nice: i32) {
    // On Linux this is the thread's own, as nice values are (sched(7)); POSIX has one for the process.
    if let Err(error) = rustix::process::setpriority_process(None, nice) {
        tracing::warn!(%error, "the embedded model's threads keep their priority");
    }
}

/// Elsewhere a nice value is the whole process's, which is none of the engine's business.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lower() {}

#[cfg(not(target_os = "linux"))]
pub(crate) fn lower_below_the_engine() {}
