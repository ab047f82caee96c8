//! Live state, read only. Only room that knows kube; its client refuses everything that writes.
