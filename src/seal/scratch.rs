//! A file in memory for an editor: made where nothing reaches the disk, overwritten and removed afterwards, also by the next
//! start after a kill (secrets.md 8).

use crate::model::{Problem, Reason, clean};
use crate::secret::SecretText;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What the folder of a file for an editor is called, before the process that made it.
const MARK: &str = "sealane-edit-";
/// The longest text that is read back: no sealed file may be longer.
const LONGEST: u64 = 5 << 20;
/// Folders inside a scratch folder that are wiped.
const DEEPEST: usize = 8;

/// Where such files may lie.
#[derive(Clone, Debug)]
pub struct ScratchPlaces {
    /// Folders that are taken if they lie in memory, best first.
    pub memory: Vec<PathBuf>,
    /// The folder on disk that is made and taken if a person agreed to it. It is ours alone, so that looking for what was
    /// left behind costs nothing where the system's own folder is full.
    pub disk: PathBuf,
}

impl ScratchPlaces {
    /// The folders of a user, by the variables of the process.
    pub fn of_user(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| value.starts_with('/')).map(PathBuf::from);
        Self {
            memory: set("XDG_RUNTIME_DIR").into_iter().chain([PathBuf::from("/dev/shm")]).collect(),
            disk: set("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp")).join(format!("sealane-{}", user())),
        }
    }

    /// The first folder that lies in memory and can be written to.
    fn in_memory(&self) -> Option<&PathBuf> {
        self.memory.iter().find(|folder| is_memory(folder))
    }

    /// Wipes what processes that are gone have left behind; how many of them did.
    pub fn sweep(&self) -> usize {
        let mut wiped = 0;
        for base in self.memory.iter().chain([&self.disk]) {
            for entry in fs::read_dir(base).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let gone = name.to_str().and_then(Maker::of_name).is_some_and(|maker| maker.is_gone());
                let path = entry.path();
                if gone && is_own_folder(&path) {
                    wipe(&path, 0);
                    wiped += 1;
                }
            }
        }
        wiped
    }
}

/// A file that an editor is given, alone in a folder of its own. Dropping it wipes both.
pub struct Scratch {
    folder: PathBuf,
    file: PathBuf,
}

impl Scratch {
    /// Makes the file with this content; `Ok(None)` if it would lie on disk and nobody agreed to that.
    pub fn make(
        places: &ScratchPlaces,
        name: &str,
        content: &SecretText,
        on_disk: bool,
    ) -> Result<Option<Self>, Problem> {
        let memory = places.in_memory();
        let Some(base) = memory.or(on_disk.then_some(&places.disk)) else { return Ok(None) };
        let failed = |error: io::Error| {
            let cause = format!(
                "the file for the editor cannot be made in {}: {error}",
                clean(&base.display().to_string())
            );
            Problem::error(Reason::Config, cause).next("see that the folder is there and has room")
        };
        if memory.is_none() {
            own_folder(base).map_err(failed)?;
        }
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|_| failed(io::Error::other("the system gives no random bytes")))?;
        let folder = base.join(format!("{}{:016x}", Maker::own().name(), u64::from_ne_bytes(random)));
        DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
        // From here on it is wiped, whatever happens.
        let scratch = Self { file: folder.join(file_name(name)), folder };
        // The umask may have taken rights away from us, and gives none to others.
        fs::set_permissions(&scratch.folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&scratch.file)
            .map_err(failed)?;
        file.write_all(content.expose_secret()).map_err(failed)?;
        Ok(Some(scratch))
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Its folder, where the editor may keep what it wants to.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What stands in the file now. Editors write it anew; a link is not followed.
    pub fn read(&self) -> Result<SecretText, Problem> {
        let failed = |error: io::Error| {
            Problem::error(Reason::Refused, format!("the editor's file cannot be read: {error}"))
                .next("save the file under its own name, then close the editor")
        };
        if !fs::symlink_metadata(&self.file).map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("it is no regular file any more")));
        }
        let file = File::open(&self.file).map_err(failed)?;
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let length = file.metadata().map_err(failed)?.len().min(LONGEST);
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 64);
        let read = file.take(LONGEST + 1).read_to_end(&mut bytes);
        // Wiped as it goes, whatever becomes of it.
        let text = SecretText::from_vec(bytes);
        read.map_err(failed)?;
        if text.expose_secret().len() as u64 > LONGEST {
            return Err(failed(io::Error::other("it is longer than 5 MiB")));
        }
        Ok(text)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        wipe(&self.folder, 0);
    }
}

/// The last part of a path, if an editor can be given it.
fn file_name(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    let plain: String =
        last.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    let plain = plain.trim_start_matches(['.', '-']);
    if plain.is_empty() { "secret".to_owned() } else { plain.to_owned() }
}

/// Overwrites every file of a folder and removes it. What cannot be removed is left: there is nobody to tell.
fn wipe(folder: &Path, depth: usize) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() && depth < DEEPEST => wipe(&path, depth + 1),
            Ok(metadata) if metadata.is_file() => {
                let _ = overwrite(&path, metadata.len());
                let _ = fs::remove_file(&path);
            }
            _ => {
                let _ = fs::remove_file(&path);
            }
        }
    }
    let _ = fs::remove_dir(folder);
}

fn overwrite(path: &Path, length: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path).or_else(|_| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        OpenOptions::new().write(true).open(path)
    })?;
    io::copy(&mut io::repeat(0).take(length), &mut file)?;
    file.sync_data()
}

fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

/// Makes a folder for us alone, or finds it.
fn own_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_own_folder(path) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(io::Error::other("it is there, and not for this user alone"))
        }
        made => made,
    }
}

/// A folder that is ours and open to nobody else; no link.
fn is_own_folder(path: &Path) -> bool {
    let own = user();
    fs::symlink_metadata(path).is_ok_and(|m| m.is_dir() && m.uid() == own && m.mode() & 0o777 == 0o700)
}

/// True for a folder on a file system that lies in memory.
#[cfg(target_os = "linux")]
fn is_memory(folder: &Path) -> bool {
    // linux/magic.h: TMPFS_MAGIC, RAMFS_MAGIC.
    const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
    let kind = rustix::fs::statfs(folder).ok().and_then(|found| u64::try_from(found.f_type).ok());
    kind.is_some_and(|kind| IN_MEMORY.contains(&kind))
        && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

/// No other system says so without mounting anything.
#[cfg(not(target_os = "linux"))]
fn is_memory(_: &Path) -> bool {
    false
}

/// The process that made a folder. Its start tells it from a later one with the same number, its namespace from one that
/// is counted elsewhere and cannot be seen here.
#[derive(Debug, PartialEq, Eq)]
struct Maker {
    process: i32,
    start: u64,
    namespace: u64,
}

impl Maker {
    fn own() -> Self {
        let process = rustix::process::getpid().as_raw_nonzero().get();
        Self { process, start: start_of(process).unwrap_or(0), namespace: namespace() }
    }

    fn name(&self) -> String {
        format!("{MARK}{}-{}-{}-", self.process, self.start, self.namespace)
    }

    fn of_name(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(MARK)?.split('-');
        let process = parts.next()?.parse().ok().filter(|process| *process > 0)?;
        let (start, namespace) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        (parts.next().is_some() && parts.next().is_none()).then_some(Self { process, start, namespace })
    }

    fn is_gone(&self) -> bool {
        if self.namespace != namespace() {
            return false;
        }
        if Path::new("/proc/self/stat").exists() {
            return start_of(self.process) != Some(self.start);
        }
        // Without /proc the number alone has to tell.
        rustix::process::Pid::from_raw(self.process)
            .is_none_or(|process| rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH))
    }
}

/// When a process was started, in ticks since the system was; `None` if it is gone or cannot be seen.
fn start_of(process: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Its name stands in brackets and may hold anything (proc_pid_stat(5)); the start is the 22nd field.
    let behind = text.rsplit_once(')')?.1;
    let fields: Vec<&str> = behind.split_whitespace().collect();
    // A process that ended and was not waited for yet holds nothing any more.
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

fn namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |metadata| metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(memory: &[&Path], disk: &Path) -> ScratchPlaces {
        ScratchPlaces {
            memory: memory.iter().map(|path| (*path).to_owned()).collect(),
            disk: disk.to_owned(),
        }
    }

    #[test]
    fn a_file_is_made_for_its_owner_alone_and_wiped() {
        let base = tempfile::tempdir().expect("a folder");
        let text = SecretText::from_string("canary".to_owned());
        let none = places(&[base.path()], base.path());
        let made = Scratch::make(&none, "a/../.x y.yaml", &text, false).expect("looked");
        // A temporary folder lies on disk on some machines, and in memory on others.
        assert_eq!(made.is_some(), is_memory(base.path()));
        drop(made);
        let scratch = Scratch::make(&none, "a/../.x y.yaml", &text, true).expect("made").expect("agreed to");
        let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
        assert_eq!((mode(scratch.folder()), mode(scratch.file())), (0o700, 0o600));
        assert!(scratch.file().ends_with("x_y.yaml"));
        assert_eq!(scratch.read().map(|text| text.expose_secret().to_vec()), Ok(b"canary".to_vec()));
        // What an editor leaves beside it goes too; a link out is not followed.
        let outside = base.path().join("outside");
        fs::write(&outside, "stays").expect("written");
        fs::create_dir(scratch.folder().join("swap")).expect("made");
        fs::write(scratch.folder().join("swap/x~"), "canary").expect("written");
        std::os::unix::fs::symlink(&outside, scratch.folder().join("link")).expect("linked");
        drop(scratch);
        let left: Vec<_> =
            fs::read_dir(base.path()).expect("there").flatten().map(|e| e.file_name()).collect();
        assert_eq!(left, ["outside"]);
        assert_eq!(fs::read_to_string(outside).expect("there"), "stays");
    }

    #[test]
    fn the_folder_on_disk_is_ours_alone() {
        let base = tempfile::tempdir().expect("a folder");
        let (made, open) = (base.path().join("made"), base.path().join("open"));
        DirBuilder::new().mode(0o755).create(&open).expect("made");
        let text = SecretText::from_string("canary".to_owned());
        assert!(Scratch::make(&places(&[], &made), "a", &text, true).is_ok_and(|scratch| scratch.is_some()));
        assert!(made.exists() && fs::read_dir(&made).expect("there").next().is_none());
        assert!(Scratch::make(&places(&[], &made), "a", &text, true).is_ok());
        let refused = Scratch::make(&places(&[], &open), "a", &text, true).err();
        assert!(refused.is_some_and(|problem| problem.cause.contains("not for this user alone")));
    }

    #[test]
    fn only_what_a_process_that_is_gone_left_is_swept() {
        let base = tempfile::tempdir().expect("a folder");
        let own = Maker::own();
        let gone = Maker { start: own.start + 1, ..Maker::own() };
        let elsewhere = Maker { start: own.start + 1, namespace: own.namespace + 1, ..Maker::own() };
        let foreign = [format!("{MARK}x-1-2-3"), format!("{MARK}{}", own.process), "other".to_owned()];
        let makers = [&own, &gone, &elsewhere].map(|maker| format!("{}00", maker.name()));
        for name in makers.iter().chain(&foreign) {
            DirBuilder::new().mode(0o700).create(base.path().join(name)).expect("made");
            fs::write(base.path().join(name).join("a"), "canary").expect("written");
        }
        let open = base.path().join(format!("{}01", gone.name()));
        DirBuilder::new().mode(0o755).create(&open).expect("made");
        assert_eq!(places(&[], base.path()).sweep(), 1);
        let left: Vec<bool> =
            makers.iter().chain(&foreign).map(|name| base.path().join(name).exists()).collect();
        assert_eq!(left, [true, false, true, true, true, true]);
        assert!(open.exists(), "others can write into it: it is not ours");
        assert_eq!(Maker::of_name(&makers[0]), Some(own));
    }
}
