//! A visit to the demo: keys, the rehearsal of a revert, the loop's worst turn, and what the program costs at rest.

use super::parts::{Missing, Parts};
use super::screen::{Screen, Turn};
use super::table::{Figure, Table, best, median, percentile, shown};
use std::time::{Duration, Instant};

const REHEARSALS: usize = 7;
const REHEARSAL: Duration = Duration::from_millis(100);
const KEYS: usize = 600;
const KEY: Duration = Duration::from_millis(16);
/// CPU time of the loop's thread for one turn.
const TURN: Duration = Duration::from_millis(8);
/// How long the demo is watched at rest.
const REST: Duration = Duration::from_secs(30);
const MEBIBYTES: f64 = 80.0;
const PERCENT: f64 = 1.0;

pub fn measure(parts: &Parts, table: &mut Table) -> Result<(), Missing> {
    let mut worst = rehearsals(parts, table)?;
    let screen = open(parts)?;
    keys(&screen, table)?;
    worst = worst.max(screen.quit()?);
    let screen = open(parts)?;
    at_rest(&screen, table)?;
    worst = worst.max(screen.quit()?);
    let (worst, woken) = worst;
    table.time("worst turn of the loop (CPU)", worst, TURN, &format!("{woken}; over all sessions above"));
    Ok(())
}

/// The demo, once every story is told.
fn open(parts: &Parts) -> Result<Screen, Missing> {
    let screen = Screen::open(parts, &["demo"])?;
    screen.until("the failing app and its commit", |text| {
        text.contains("failing")
            && text.contains("suspended")
            && text.contains("tour: pay fails in prod since")
    })?;
    screen.rest(Duration::from_millis(700));
    Ok(screen)
}

/// From `v` on the failing app to the Plan with its effect; each in a program of its own, so that nothing is warm.
fn rehearsals(parts: &Parts, table: &mut Table) -> Result<Turn, Missing> {
    let (mut times, mut worst) = (Vec::new(), Turn::default());
    for _ in 0..REHEARSALS {
        let screen = open(parts)?;
        times.push(screen.after("v", "the effect of the revert", |text| {
            text.contains("Revert") && text.contains("2.4.1") && text.contains("2.3.0")
        })?);
        worst = worst.max(screen.quit()?);
    }
    let more = format!("(median of {REHEARSALS}, best {})", shown(best(&times)));
    table.time("rehearse a revert, demo", median(&times), REHEARSAL, &more);
    Ok(worst)
}

/// Keys on Home, in the tree, in a diff and in the filter, at the pace of a held key.
fn keys(screen: &Screen, table: &mut Table) -> Result<(), Missing> {
    let mut times = Vec::new();
    for (to, round, back) in [
        ("", &["j", "j", "k", "j", "k", "k"][..], ""),
        ("\r", &["j", "k", "j", "j", "k", "k"][..], "\x1b"),
        ("/", &["p", "a", "y", "\x7f", "\x7f", "\x7f"][..], "\x1b"),
        ("", &["?", "\x1b", ":", "\x1b", "G", "g"][..], ""),
    ] {
        if !to.is_empty() {
            screen.moves(to)?;
            screen.rest(Duration::from_millis(300));
        }
        for (key, more) in round.iter().cycle().zip((0..13).cycle()).take(KEYS / 4) {
            times.push(screen.moves(key)?);
            // A held key repeats about thirty times a second; never in step with the loop's frames.
            std::thread::sleep(Duration::from_millis(30 + more));
        }
        if !back.is_empty() {
            screen.moves(back)?;
        }
        screen.rest(Duration::from_millis(300));
    }
    let (middle, last) = (shown(median(&times)), shown(percentile(&times, 100)));
    let more = format!("(p95 of {}, median {middle}, worst {last})", times.len());
    table.time("key to frame", percentile(&times, 95), KEY, &more);
    Ok(())
}

/// Memory and CPU while nobody does anything.
fn at_rest(screen: &Screen, table: &mut Table) -> Result<(), Missing> {
    let process = screen.process()?;
    // The controllers' last steps and the caches of the start are over by then.
    std::thread::sleep(Duration::from_secs(5));
    let (begun, before) = (Instant::now(), cpu_of(process)?);
    std::thread::sleep(REST);
    let used = cpu_of(process)?.saturating_sub(before);
    let percent = used.as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0;
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let (now, peak) = (mebibytes(&status, "VmRSS:"), mebibytes(&status, "VmHWM:"));
    table.add(Figure {
        name: "memory of the demo at rest (RSS)".to_owned(),
        ours: format!("{now:.1} MiB (peak {peak:.1})"),
        limit: format!("{MEBIBYTES} MiB"),
        peer: String::new(),
        ratio: String::new(),
        kept: now > 0.0 && now < MEBIBYTES,
    });
    table.add(Figure {
        name: "CPU of the demo at rest".to_owned(),
        ours: format!("{percent:.2} % of a core, over {} s", REST.as_secs()),
        limit: format!("{PERCENT} %"),
        peer: String::new(),
        ratio: String::new(),
        kept: percent < PERCENT,
    });
    Ok(())
}

/// CPU time of all threads of a process.
fn cpu_of(process: u32) -> Result<Duration, Missing> {
    let mut nanos = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread that has ended meanwhile took what it took; its time is in no other thread.
        let told = std::fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        nanos += told.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}

fn mebibytes(status: &str, field: &str) -> f64 {
    let kibibytes =
        status.lines().find_map(|l| l.strip_prefix(field)?.split_whitespace().next()?.parse().ok());
    kibibytes.unwrap_or(0.0) / 1024.0
}
