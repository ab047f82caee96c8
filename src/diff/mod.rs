//! Base, desired and live to a verdict per object and per field. Pure.
