//! Figures and how they are printed.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// One figure with its limit.
pub struct Figure {
    pub name: String,
    /// What was measured, as it is printed.
    pub ours: String,
    /// The limit, as it is printed; empty for what is only told.
    pub limit: String,
    pub peer: String,
    pub ratio: String,
    pub kept: bool,
}

/// All figures of a run.
#[derive(Default)]
pub struct Table(Vec<Figure>);

impl Table {
    /// Adds a figure and prints it at once, so that a long run can be followed.
    pub fn add(&mut self, figure: Figure) {
        say(
            &mut io::stderr(),
            &format!("  {}: {} {}", figure.name, figure.ours, if figure.kept { "" } else { "MISSED" }),
        );
        self.0.push(figure);
    }

    /// A time that must not be longer than `limit`; `more` says how it was measured.
    pub fn time(&mut self, name: &str, ours: Duration, limit: Duration, more: &str) {
        self.add(Figure {
            name: name.to_owned(),
            ours: format!("{} {more}", shown(ours)).trim_end().to_owned(),
            limit: shown(limit),
            peer: String::new(),
            ratio: String::new(),
            kept: ours <= limit,
        });
    }

    /// Something without a limit.
    pub fn tell(&mut self, name: &str, ours: &str) {
        let (name, ours) = (name.to_owned(), ours.to_owned());
        let [limit, peer, ratio] = [const { String::new() }; 3];
        self.add(Figure { name, ours, limit, peer, ratio, kept: true });
    }

    /// Prints everything; fails if a figure is missed.
    pub fn print(&self) -> ExitCode {
        let head = ["figure", "ours", "limit", "peer", "ratio", ""];
        let rows: Vec<[&str; 6]> = std::iter::once(head)
            .chain(self.0.iter().map(|f| {
                let verdict = match (f.limit.is_empty(), f.kept) {
                    (true, _) => "",
                    (false, true) => "ok",
                    (false, false) => "MISSED",
                };
                [&*f.name, &*f.ours, &*f.limit, &*f.peer, &*f.ratio, verdict]
            }))
            .collect();
        let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..6).map(width).collect();
        let mut out = io::stdout().lock();
        let mut line = |row: &[&str; 6]| {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            say(&mut out, cells.join("  ").trim_end());
        };
        rows.iter().for_each(&mut line);
        if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let load: Vec<&str> = load.split(' ').take(3).collect();
            say(&mut out, &format!("\n{cores} cores; load {}", load.join(" ")));
        }
        let missed = self.0.iter().filter(|f| !f.kept).count();
        let limits = self.0.iter().filter(|f| !f.limit.is_empty()).count();
        say(&mut out, &format!("{missed} of {limits} missed"));
        if missed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
    }
}

/// Prints a line. Nobody is left to tell if it cannot be.
pub fn say(out: &mut dyn Write, line: &str) {
    let _ = out.write_all(format!("{line}\n").as_bytes());
}

/// A time as it is printed.
pub fn shown(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    match millis {
        m if m < 10.0 => format!("{m:.2} ms"),
        m if m < 10_000.0 => format!("{m:.0} ms"),
        m => format!("{:.1} s", m / 1000.0),
    }
}

/// The middle of some times.
pub fn median(times: &[Duration]) -> Duration {
    percentile(times, 50)
}

/// The time that so many percent are not above.
pub fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

/// The least of some times.
pub fn best(times: &[Duration]) -> Duration {
    times.iter().min().copied().unwrap_or_default()
}
