//! Stories about the whole program, in one binary.

mod audit;
mod bad_input;
mod console;
mod demo;
mod dump;
mod entries;
mod exits;
mod explain;
mod found;
mod hardening;
mod house;
mod identities;
mod journeys;
mod merge_driver;
mod past;
mod pictures;
mod pty;
mod sandbox;
mod served;
mod start;
mod svg;
mod terminal;
