//! One live object to its health, with the reason. Pure.
//!
//! | file | job |
//! | --- | --- |
//! | `seen` | an object with the clock, and the questions rules ask of it |
//! | `generic` | the order of checks that every kind goes through |
//! | `workloads` | Deployment, `ReplicaSet`, `StatefulSet`, `DaemonSet`, Job, `CronJob` |
//! | `pod` | Pods: which container, which image, which exit code |
//! | `platform` | volumes, Services, Ingresses, autoscalers, budgets, CRDs, nodes |
//! | `custom` | custom resources of well-known projects |

mod custom;
mod generic;
mod platform;
mod pod;
mod seen;
#[cfg(test)]
mod tests;
mod workloads;

pub use generic::health;
