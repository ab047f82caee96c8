//! The headless face: the same verbs, text, JSON and exit codes. Only room that knows clap.
//!
//! | file | job |
//! | --- | --- |
//! | `arguments` | what can be typed; help, completions and the man page are made from it |
//! | `exit` | exit codes as one enum |
//! | `output` | text and JSON on standard output |
//! | `context` | what every verb is given |
//! | `run` | from arguments to the verb |
//! | `terminal` | questions at the terminal |
//! | one file a verb | asks the workspace and prints the answer |

mod arguments;
mod audit;
mod build;
mod check;
mod context;
mod diff;
mod doctor;
mod edit;
mod exit;
mod explain;
mod history;
mod merge_driver;
mod output;
mod plan;
mod readers;
mod render;
mod reseal;
mod revert;
mod run;
mod sarif;
mod scan;
mod seal;
mod sealed_secrets;
mod status;
mod terminal;
mod textconv;

pub use arguments::{Arguments, Command, Where};
pub use exit::Exit;
pub use run::{Face, run};
pub use terminal::Terminal;
