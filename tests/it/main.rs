//! Stories about the whole program, in one binary.

mod demo;
mod house;
mod journeys;
mod pty;
mod sandbox;
