//! How much memory the allocator keeps for itself.

/// Has the threads share arenas, one for each core and one more, where glibc would give each of the first eight for each
/// core one of its own, in which memory stays that others could use. The environment's `MALLOC_ARENA_MAX` goes before.
///
/// To be called while there is one thread.
pub(crate) fn share_arenas() {
    #[cfg(target_env = "gnu")]
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        set_most(i32::try_from(cores).unwrap_or(i32::MAX).saturating_add(1));
    }
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "glibc has no other way; docs/adr/0109-threads-share-arenas.md")]
fn set_most(arenas: i32) {
    // SAFETY: it takes two numbers and sets one of the allocator's own. Where it does not know the first, it does nothing.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
}
