//! The lossless view of a YAML file: byte spans, styles and comments, for splicing single values.
