//! The screen. Only room that knows ratatui and crossterm.
