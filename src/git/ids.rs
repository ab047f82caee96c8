//! Object ids: ours and libgit2's are the same twenty bytes.

use crate::model::{CommitId, ContentId};

/// Our bytes as libgit2 wants them.
pub(super) fn oid(bytes: [u8; 20]) -> git2::Oid {
    git2::Oid::from_bytes(&bytes).unwrap_or(git2::Oid::ZERO_SHA1)
}

pub(super) fn bytes(oid: git2::Oid) -> [u8; 20] {
    let mut id = [0; 20];
    for (to, from) in id.iter_mut().zip(oid.as_bytes()) {
        *to = *from;
    }
    id
}

pub(super) fn commit_id(oid: git2::Oid) -> CommitId {
    CommitId(bytes(oid))
}

pub(super) fn content_id(oid: git2::Oid) -> ContentId {
    ContentId(bytes(oid))
}

/// The id that git gives to a file of these bytes, also for files that are in no repository.
///
/// ```
/// // as `printf hello | git hash-object --stdin` says
/// assert_eq!(sealane::git::id_of(b"hello").to_string(), "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0");
/// ```
pub fn id_of(content: &[u8]) -> ContentId {
    hash(git2::ObjectType::Blob, content)
}

pub(super) fn hash(kind: git2::ObjectType, content: &[u8]) -> ContentId {
    // hash_object fails only for kinds that are no objects; both callers name a real kind.
    git2::Oid::hash_object(kind, content).map_or(ContentId([0; 20]), content_id)
}
