//! Health of a live object.

/// How an object is doing, in Argo CD's words (diff.md 3), worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HealthState {
    /// It failed.
    Degraded,
    /// It should be there and is not.
    Missing,
    /// It is being deleted.
    Terminating,
    /// It is on its way.
    Progressing,
    /// Somebody paused it.
    Suspended,
    /// It could not be judged.
    Unknown,
    /// It does what it should.
    Healthy,
    /// Nothing to judge: a ConfigMap has no health.
    NotApplicable,
}

/// Health with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The judgement.
    pub state: HealthState,
    /// Why, in a sentence for people, safe for a screen; empty when healthy.
    pub reason: String,
}

impl Health {
    /// A judgement with its reason.
    pub fn new(state: HealthState, reason: impl Into<String>) -> Self {
        Self { state, reason: reason.into() }
    }

    /// Healthy, nothing to say.
    pub fn healthy() -> Self {
        Self::new(HealthState::Healthy, "")
    }
}

impl HealthState {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Degraded => "degraded",
            Self::Missing => "missing",
            Self::Terminating => "terminating",
            Self::Progressing => "progressing",
            Self::Suspended => "suspended",
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::NotApplicable => "",
        }
    }
}
