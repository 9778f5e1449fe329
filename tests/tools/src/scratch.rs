//! Temporary directories of this process's. What a process that was killed has left, a later one removes.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

/// What the names in the system's temporary directory begin with.
const PREFIX: &str = "addon-rotation-";

const MEMORY: &str = "/dev/shm";

/// A directory whose name begins with `prefix`, for servers that other users run as well. It is removed on drop.
pub fn directory(prefix: &str) -> io::Result<TempDir> {
    static OURS: OnceLock<Owned> = OnceLock::new();
    let ours = if let Some(ours) = OURS.get() {
        ours
    } else {
        // Both: what was left in memory may be why there is too little of it now.
        for place in [Path::new(MEMORY), &std::env::temp_dir()] {
            sweep(place);
        }
        let parent = parent();
        let made = Owned::new(&parent)?;
        // Another thread may have been faster: then this one is removed with the lock of its own.
        OURS.get_or_init(|| made)
    };
    tempfile::Builder::new()
        .prefix(prefix)
        .tempdir_in(&ours.path)
}

/// Memory, where Linux has enough of it: a database server's start makes and removes a thousand files, and a file system
/// on a disk spends more on those than the server does on all else.
fn parent() -> PathBuf {
    /// What all servers that run at once may need, in bytes.
    #[cfg(target_os = "linux")]
    const ENOUGH: u64 = 6 << 30;

    #[cfg(target_os = "linux")]
    if let Ok(memory) = nix::sys::statvfs::statvfs(MEMORY) {
        let free = memory.fragment_size() * memory.blocks_available();
        let runs_programs = !memory
            .flags()
            .contains(nix::sys::statvfs::FsFlags::ST_NOEXEC);
        let shared = PathBuf::from(MEMORY);
        if free >= ENOUGH && runs_programs && tempfile::tempfile_in(&shared).is_ok() {
            return shared;
        }
    }
    std::env::temp_dir()
}

/// A directory that belongs to whoever holds the lock beside it.
struct Owned {
    path: PathBuf,
    lock: PathBuf,
    #[cfg_attr(not(test), expect(dead_code, reason = "held as long as the directory"))]
    held: File,
}

impl Owned {
    fn new(parent: &Path) -> io::Result<Self> {
        loop {
            let (_, lock) = tempfile::Builder::new()
                .prefix(PREFIX)
                .suffix(".lock")
                .tempfile_in(parent)?
                .keep()?;
            let held = File::open(&lock)?;
            // Between its making and its locking another process may have taken it for one that was left.
            if held.try_lock().is_err() || !lock.exists() {
                continue;
            }
            let path = lock.with_extension("d");
            fs::create_dir(&path)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o711))?;
            return Ok(Self { path, lock, held });
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
        let _ = fs::remove_file(&self.lock);
    }
}

/// Removes what belongs to nobody any more. What cannot be removed is left to the next.
fn sweep(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for lock in entries.map(|entry| entry.path()) {
        let name = lock.file_stem().and_then(|name| name.to_str());
        let is_ours = name.is_some_and(|name| name.starts_with(PREFIX))
            && lock.extension().is_some_and(|it| it == "lock");
        if is_ours && File::open(&lock).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(lock.with_extension("d"));
            let _ = fs::remove_file(&lock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_another_one_has_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let (left, held) = (
            Owned::new(parent.path()).unwrap(),
            Owned::new(parent.path()).unwrap(),
        );
        let path = left.path.clone();
        fs::write(path.join("file"), "left").unwrap();
        // Its lock is given back, as by a process's end, and nothing is tidied up.
        left.held.unlock().unwrap();
        std::mem::forget(left);
        fs::write(parent.path().join("another.lock"), "").unwrap();
        sweep(parent.path());
        assert!(!path.exists());
        assert!(held.path.exists());
        assert!(parent.path().join("another.lock").exists());
        drop(held);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
