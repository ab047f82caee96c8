//! Words of a file, stored once each.

use std::sync::Arc;

/// A small cache of words seen in this file, so that keys and common values are stored once.
pub(in crate::yaml) struct Words {
    slots: Vec<Option<Arc<str>>>,
}

impl Words {
    const SLOTS: usize = 512;
    const LONGEST: usize = 32;

    pub(in crate::yaml) fn new() -> Self {
        Self { slots: vec![None; Self::SLOTS] }
    }

    pub(in crate::yaml) fn get(&mut self, text: &str) -> Arc<str> {
        if text.len() > Self::LONGEST {
            return text.into();
        }
        let slot = &mut self.slots[Self::slot(text)];
        match slot {
            Some(word) if &**word == text => Arc::clone(word),
            _ => Arc::clone(slot.insert(text.into())),
        }
    }

    fn slot(text: &str) -> usize {
        let mut hash = text.len() as u64;
        for chunk in text.as_bytes().chunks(8) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            hash = (hash ^ u64::from_le_bytes(bytes)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
        }
        usize::try_from(hash >> 40).unwrap_or(0) % Self::SLOTS
    }
}
