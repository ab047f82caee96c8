//! Objects without their secrets, remembered as long as the objects themselves are: most are the same at most revisions.

use crate::model::{Manifest, Producer, Rendered, blind};
use crate::secret::DigestKey;
use crate::yaml::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Objects by where they are in memory. An entry keeps that place taken, so that no other object is found under it.
#[derive(Default)]
pub(super) struct Blinded(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// With what each is without its secrets; `None` if it has none.
    objects: HashMap<usize, (Weak<Manifest>, Option<Arc<Manifest>>)>,
    /// How many there were when those that are gone were dropped last.
    settled: usize,
}

/// With fewer objects nothing is dropped.
const FEW: usize = 4096;

impl Blinded {
    /// The same without secrets.
    pub fn of(&self, rendered: Rendered, digests: &DigestKey) -> Rendered {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let producers = rendered.producers.into_iter().map(|producer| {
            let objects = producer.objects.into_iter().map(|manifest| known.blinded(manifest, digests));
            Producer { objects: objects.collect(), ..producer }
        });
        let rendered = Rendered { producers: producers.collect(), ..rendered };
        known.settle();
        rendered
    }
}

impl Known {
    fn blinded(&mut self, manifest: Arc<Manifest>, digests: &DigestKey) -> Arc<Manifest> {
        if !manifest.steps.is_empty() {
            return Arc::new(without(Arc::unwrap_or_clone(manifest), digests));
        }
        let place = Arc::as_ptr(&manifest).addr();
        if let Some((_, blinded)) = self.objects.get(&place) {
            return blinded.clone().unwrap_or(manifest);
        }
        let body = blind(&manifest.body, digests);
        let is_same = matches!((&body.value, &manifest.body.value), (Value::Map(a), Value::Map(b)) if Arc::ptr_eq(a, b));
        let blinded = (!is_same).then(|| Arc::new(Manifest { body, ..Manifest::clone(&manifest) }));
        self.objects.insert(place, (Arc::downgrade(&manifest), blinded.clone()));
        blinded.unwrap_or(manifest)
    }

    /// Drops what stands for objects that nobody has any more.
    fn settle(&mut self) {
        if self.objects.len() >= FEW.max(2 * self.settled) {
            self.objects.retain(|_, (object, _)| object.strong_count() > 0);
            self.settled = self.objects.len();
        }
    }
}

fn without(mut manifest: Manifest, digests: &DigestKey) -> Manifest {
    manifest.body = blind(&manifest.body, digests);
    for step in &mut manifest.steps {
        step.body = blind(&step.body, digests);
    }
    manifest
}
