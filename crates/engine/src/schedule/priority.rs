//! Lets the engine's threads stand back behind the rest of the gate.

/// How nice to others they are: of a contested core a thread that carries requests gets all but a thirtieth.
#[cfg(target_os = "linux")]
const NICE: i32 = 15;

/// Lowers the calling thread's priority. Where that fails it works on as it is.
#[cfg(target_os = "linux")]
pub(crate) fn lower() {
    // On Linux this is the thread's own, as nice values are (sched(7)); POSIX has one for the process.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "the embedded model's threads keep their priority");
    }
}

/// Elsewhere a nice value is the whole process's, which is none of the engine's business.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lower() {}
