//! Stories of this room on real repositories, made with the system git.

mod bad_input;
mod commits;
mod kills;
mod reading;
mod remotes;
mod reverts;
