//! One live object to its health, with the reason. Pure.
