//! Where the trades meet: the library's front door.
