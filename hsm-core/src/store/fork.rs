//! What makes a fork of the host program safe.
//!
//! SQLite keeps a table of the POSIX locks that its process holds on a file, because the kernel drops them all when
//! any descriptor of that file is closed. A fork copies the table but not the locks: a child that went on with it
//! would believe itself locked and write over its parent. So nobody is inside SQLite while the program forks
//! ([`before_fork`]), and a child closes every connection that it inherited before it opens its own
//! ([`close_inherited`]).

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

/// Held for reading by whoever is inside SQLite or a registry, for writing around a fork.
static FORK: RwLock<()> = RwLock::new(());

/// Everything that a child must put out of use.
static REGISTRY: Mutex<Vec<Weak<dyn Inherited>>> = Mutex::new(Vec::new());

thread_local! {
    static HELD: RefCell<Option<RwLockWriteGuard<'static, ()>>> = const { RefCell::new(None) };
}

/// Something that may not be used in a forked child.
pub(crate) trait Inherited: Send + Sync {
    /// Puts it out of use, in the child. No other thread exists.
    fn close_inherited(&self);
}

/// Keeps forks away while it lives. Never take two at once in one thread: a fork that waits in between would stop both.
pub(crate) fn enter() -> RwLockReadGuard<'static, ()> {
    // The lock guards no data, so a panic under it leaves nothing broken.
    FORK.read().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers something for [`close_inherited`].
pub(crate) fn register(inherited: Weak<dyn Inherited>) {
    let _fork = enter();
    let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    registry.retain(|known| known.strong_count() > 0);
    registry.push(inherited);
}

/// Call before a fork (`pthread_atfork`'s `prepare`): waits until no thread is inside the store, and keeps them out.
pub fn before_fork() {
    let guard = FORK.write().unwrap_or_else(PoisonError::into_inner);
    HELD.with(|held| *held.borrow_mut() = Some(guard));
}

/// Call in the parent after a fork (`pthread_atfork`'s `parent`).
pub fn after_fork_parent() {
    HELD.with(|held| held.borrow_mut().take());
}

/// Call in the child after a fork (`pthread_atfork`'s `child`).
pub fn after_fork_child() {
    HELD.with(|held| held.borrow_mut().take());
}

/// Closes what a forked child inherited. Call it in the child, before the first store is opened there.
///
/// Stores that the parent had open answer an error in the child from then on; new ones can be opened. The parent's
/// locks and files are untouched.
pub fn close_inherited() {
    let _fork = enter();
    let registry = std::mem::take(&mut *REGISTRY.lock().unwrap_or_else(PoisonError::into_inner));
    registry.iter().filter_map(Weak::upgrade).for_each(|inherited: Arc<dyn Inherited>| inherited.close_inherited());
    super::login_lock::forget_inherited();
    crate::crypto::kdf::forget_inherited();
}
