//! Contents read lately: discovery and rendering want the same ones, one after the other.

use crate::model::ContentId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Larger contents are read anew.
const LARGEST: usize = 64 << 10;
/// What is kept at the most, in bytes: twice this, since the older half goes at once.
const SHELF: usize = 2 << 20;

/// Contents by id. When it is full, the half that was not used lately is dropped.
#[derive(Default)]
pub(super) struct Blobs(Mutex<Shelves>);

#[derive(Default)]
struct Shelves {
    young: HashMap<ContentId, Arc<[u8]>>,
    old: HashMap<ContentId, Arc<[u8]>>,
    bytes: usize,
}

impl Blobs {
    pub(super) fn get(&self, id: ContentId) -> Option<Arc<[u8]>> {
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = shelves.young.get(&id) {
            return Some(bytes.clone());
        }
        let bytes = shelves.old.remove(&id)?;
        shelves.put(id, &bytes);
        Some(bytes)
    }

    pub(super) fn keep(&self, id: ContentId, bytes: &Arc<[u8]>) {
        if bytes.len() <= LARGEST {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).put(id, bytes);
        }
    }
}

impl Shelves {
    fn put(&mut self, id: ContentId, bytes: &Arc<[u8]>) {
        if self.bytes + bytes.len() > SHELF {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        if self.young.insert(id, bytes.clone()).is_none() {
            self.bytes += bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_what_is_used_stays() {
        let blobs = Blobs::default();
        let id = |n: u8| ContentId([n; 20]);
        let bytes: Arc<[u8]> = vec![1; LARGEST].into();
        for n in 0..=200 {
            blobs.keep(id(n), &bytes);
            assert!(blobs.get(id(0)).is_some(), "used all the time");
        }
        let kept = (0..=200).filter(|n| blobs.get(id(*n)).is_some()).count();
        assert!(kept <= 2 * SHELF / LARGEST, "{kept}");
        blobs.keep(id(201), &vec![1; LARGEST + 1].into());
        assert!(blobs.get(id(201)).is_none());
    }
}
