//! Sealane: a secrets-aware GitOps terminal UI.
//!
//! Five floors; imports run down only (`tests/it/house.rs` holds the table and enforces it):
//!
//! | floor | rooms |
//! | --- | --- |
//! | faces | [`tui`], [`cli`] |
//! | root | [`demo`] |
//! | meeting | [`workspace`] |
//! | trades | [`git`], [`render`], [`cluster`], [`controllers`], [`health`], [`diff`], [`seal`] |
//! | ground | [`model`], [`yaml`], [`secret`] |

pub mod cli;
pub mod cluster;
pub mod config;
pub mod controllers;
pub mod demo;
pub mod diff;
pub mod git;
pub mod health;
pub mod model;
pub mod render;
pub mod seal;
pub mod secret;
pub mod tui;
pub mod workspace;
pub mod yaml;
