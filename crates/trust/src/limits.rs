/// How large what a stranger sends may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of an envelope.
    pub envelope: usize,
    /// Most bytes of one part.
    pub part: usize,
    /// Most bytes of all parts together.
    pub total: usize,
    /// Most authorities.
    pub authorities: usize,
    /// Most CRLs.
    pub crls: usize,
    /// Most denied keys.
    pub denied_keys: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            envelope: 64 << 10,
            part: 16 << 20,
            total: 64 << 20,
            authorities: 1024,
            crls: 4096,
            denied_keys: 4096,
        }
    }
}
