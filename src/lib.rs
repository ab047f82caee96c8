//! Sealane.
