//! From the start of the program to its first frame and its first true rows.

use super::parts::{Missing, Parts};
use super::screen::Screen;
use super::table::{Table, best, median, shown};
use std::time::{Duration, Instant};

const RUNS: usize = 11;
const FRAME: Duration = Duration::from_millis(50);
const ROWS: Duration = Duration::from_millis(300);
/// When every story of the demo must stand on the first screen.
const STORIES: Duration = Duration::from_secs(10);

pub fn measure(parts: &Parts, table: &mut Table) -> Result<(), Missing> {
    let home = parts.home.to_string_lossy().into_owned();
    let real: [&str; 2] = [&home, "--no-cluster"];
    let apps = apps_of(parts, &home)?;
    let real_rows = |text: &str| apps.iter().all(|app| row(text, app, "cluster"));
    one(parts, table, "caarlos0__home", &real, &real_rows)?;
    // What the story's last commit declares in production.
    let demo_rows = |text: &str| ["pay", "cart", "front"].iter().all(|app| row(text, app, "prod"));
    one(parts, table, "demo", &["demo"], &demo_rows)?;
    stories(parts, table)
}

/// The apps that the same program prints without a screen.
fn apps_of(parts: &Parts, home: &str) -> Result<Vec<String>, Missing> {
    let output = parts.program().args(["status", "--no-cluster", "--output", "json", home]).output()?;
    let status: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|e| Missing(format!("`sealane status --output json` is not JSON: {e}")))?;
    let apps = status["apps"].as_array().into_iter().flatten();
    let apps: Vec<String> =
        apps.filter_map(|a| Some(a["app"].as_str()?.rsplit('/').next()?.to_owned())).collect();
    if apps.is_empty() { Err(Missing(format!("{home} has no apps"))) } else { Ok(apps) }
}

/// A row of Home: the app's name and its environment on one line.
fn row(text: &str, app: &str, environment: &str) -> bool {
    let has = |line: &str, word: &str| line.split_whitespace().any(|w| w == word);
    text.lines().any(|line| has(line, app) && has(line, environment))
}

fn one(
    parts: &Parts,
    table: &mut Table,
    name: &str,
    words: &[&str],
    rows: &dyn Fn(&str) -> bool,
) -> Result<(), Missing> {
    let (mut frames, mut filled) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let screen = Screen::open(parts, words)?;
        let since = |at: Instant| at.saturating_duration_since(screen.begun);
        frames.push(since(screen.until("its first frame", |text| text.contains("sealane"))?));
        filled.push(since(screen.until("its rows", rows)?));
        screen.quit()?;
    }
    for (what, times, limit) in [("first frame", &frames, FRAME), ("first true rows", &filled, ROWS)] {
        let more = format!("(median of {RUNS}, best {})", shown(best(times)));
        table.time(&format!("{what}, {name}"), median(times), limit, &more);
    }
    Ok(())
}

/// Everything that the demo plants stands on the first screen.
fn stories(parts: &Parts, table: &mut Table) -> Result<(), Missing> {
    let screen = Screen::open(parts, &["demo"])?;
    let wanted = ["failing", "plaintext", "drifted", "waiting", "declared by nobody", "suspended", "pending"];
    let at = screen.until("every story", |text| wanted.iter().all(|word| text.contains(word)))?;
    let took = at.saturating_duration_since(screen.begun);
    screen.quit()?;
    table.time("every story of the demo", took, STORIES, "");
    Ok(())
}
