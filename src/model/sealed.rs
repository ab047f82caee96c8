//! How sealed content is opened without knowing who opens it: `render` asks, `workspace` fills it from `seal`.

use super::problem::Problem;
use crate::secret::SecretText;
use crate::yaml::Node;

/// The format of a sealed file, as SOPS chooses it by extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SealedFormat {
    /// `.yaml`, `.yml`
    Yaml,
    /// `.json`
    Json,
    /// `.env`
    Dotenv,
    /// `.ini`
    Ini,
    /// Anything else.
    Binary,
}

/// What opening gave.
pub enum Opened<T> {
    /// It was sealed and is open now.
    Plain(T),
    /// It is not sealed: use it as it is.
    NotSealed,
}

/// Why sealed content stays closed. The problem names place, cause and next step, never a value.
#[derive(Debug, Clone)]
pub struct OpenError(pub Problem);

/// Opens sealed content. Implementations hold identities; callers never see them.
pub trait Opener: Send + Sync {
    /// Opens an object that carries a `sops` block: its encrypted leaves become secret leaves and the
    /// block is gone. As in Flux, the MAC is not checked here, since rendering has changed the object.
    fn open_object(&self, body: &Node, file: &str) -> Result<Opened<Node>, OpenError>;

    /// Opens a whole file, as generators read it.
    fn open_file(
        &self,
        bytes: &[u8],
        file: &str,
        format: SealedFormat,
    ) -> Result<Opened<SecretText>, OpenError>;

    /// Identity of the set of keys at hand: results opened under different ids are not interchangeable.
    fn generation(&self) -> u64;
}
