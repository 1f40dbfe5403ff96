use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Digest;

/// The parts of a package, by digest. What has not changed need not travel again.
#[derive(Clone, Debug, Default)]
pub struct Parts(BTreeMap<Digest, Arc<[u8]>>);

impl Parts {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part under its own digest, which is returned.
    pub fn insert(&mut self, bytes: impl Into<Arc<[u8]>>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.0.insert(digest, bytes);
        digest
    }

    /// The part with that digest.
    pub fn find(&self, digest: Digest) -> Option<&Arc<[u8]>> {
        self.0.get(&digest)
    }

    /// Every part with its digest.
    pub fn iter(&self) -> impl Iterator<Item = (Digest, &Arc<[u8]>)> {
        self.0.iter().map(|(digest, bytes)| (*digest, bytes))
    }
}
