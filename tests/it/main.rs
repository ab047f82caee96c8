//! Stories about the whole program, in one binary.

mod house;
