//! Stories about the whole program, in one binary.

mod demo;
mod dump;
mod house;
mod journeys;
mod pty;
mod sandbox;
mod served;
mod start;
