//! Stories about the whole program, in one binary.

mod audit;
mod bad_input;
mod canaries;
mod console;
mod demo;
mod dump;
mod entries;
mod exits;
mod explain;
mod found;
mod hardening;
mod house;
mod journeys;
mod merge_driver;
mod past;
mod pictures;
mod pty;
mod readers;
mod sandbox;
mod seal_verbs;
mod sealed_secrets;
mod served;
mod start;
mod stores;
mod svg;
mod terminal;
