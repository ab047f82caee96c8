//! The headless face: the same verbs, text, JSON and exit codes. Only room that knows clap.
