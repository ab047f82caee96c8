//! The kinds of changes that a mutator plants: what is done, under whose name, where there is a place for it, and what is
//! to be said about it.

use crate::places::*;
use serde_json::Value;

/// What is to be said about a planted change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A declared field has another value.
    Drifted,
    /// A declared field is gone.
    Removed,
    /// A field or map entry that git does not mention: folded, and the object stays as it is.
    Added,
    /// A field that another controller rules by right: folded, and the object stays as it is.
    Delegated,
    /// An element in a list where additions matter (containers, env, ports): shown as drifted.
    AddedToList,
    /// A declared object is gone.
    Missing,
    /// An object that nobody declares.
    Unmanaged,
    /// The same, spelled otherwise.
    Same,
}

/// A kind of change.
pub struct Kind {
    /// What is done.
    pub what: &'static str,
    /// The field manager.
    pub manager: &'static str,
    /// What is to be said.
    pub expected: Expected,
    /// Where it can be done.
    pub places: fn(&[Value]) -> Vec<Place>,
}

/// Kinds of changes that are made by a patch. Deleting and creating come beside them, in `Mutator::plant`.
pub const KINDS: &[Kind] = &[
    Kind { what: "scale", manager: "kubectl-edit", expected: Expected::Drifted, places: scale },
    Kind {
        what: "scale in an autoscaler's range",
        manager: "kubectl-edit",
        expected: Expected::Delegated,
        places: scale_in_range,
    },
    Kind { what: "image", manager: "kubectl-set", expected: Expected::Drifted, places: image },
    Kind {
        what: "label changed",
        manager: "kubectl-label",
        expected: Expected::Drifted,
        places: label_changed,
    },
    Kind {
        what: "label removed",
        manager: "kubectl-label",
        expected: Expected::Removed,
        places: label_removed,
    },
    Kind {
        what: "label of another",
        manager: "some-operator",
        expected: Expected::Added,
        places: label_added,
    },
    Kind {
        what: "annotation of another",
        manager: "some-operator",
        expected: Expected::Added,
        places: annotation,
    },
    Kind {
        what: "env var changed",
        manager: "kubectl-set",
        expected: Expected::Drifted,
        places: env_changed,
    },
    Kind {
        what: "env var removed",
        manager: "kubectl-edit",
        expected: Expected::Removed,
        places: env_removed,
    },
    Kind {
        what: "env var added",
        manager: "kubectl-set",
        expected: Expected::AddedToList,
        places: env_added,
    },
    Kind { what: "container added", manager: "injector", expected: Expected::AddedToList, places: container },
    Kind { what: "port added", manager: "kubectl-edit", expected: Expected::AddedToList, places: port_added },
    Kind {
        what: "target port changed",
        manager: "kubectl-edit",
        expected: Expected::Drifted,
        places: target_port,
    },
    Kind { what: "data changed", manager: "kubectl-edit", expected: Expected::Drifted, places: data_changed },
    Kind { what: "data removed", manager: "kubectl-edit", expected: Expected::Removed, places: data_removed },
    Kind { what: "data added", manager: "some-operator", expected: Expected::Added, places: data_added },
    Kind { what: "quantity respelled", manager: "kubectl-edit", expected: Expected::Same, places: quantity },
    Kind { what: "finalizer", manager: "some-operator", expected: Expected::Added, places: finalizer },
    Kind { what: "interval changed", manager: "kubectl-edit", expected: Expected::Drifted, places: interval },
    Kind {
        what: "annotation changed",
        manager: "kubectl-annotate",
        expected: Expected::Drifted,
        places: annotation_changed,
    },
    Kind {
        what: "secret value changed",
        manager: "kubectl-edit",
        expected: Expected::Drifted,
        places: secret_changed,
    },
    Kind {
        what: "data added by a person",
        manager: "kubectl-edit",
        expected: Expected::AddedToList,
        places: data_added,
    },
    Kind { what: "list element moved", manager: "kubectl-edit", expected: Expected::Same, places: moved },
    Kind {
        what: "arguments reordered",
        manager: "kubectl-edit",
        expected: Expected::Drifted,
        places: reordered,
    },
    Kind {
        what: "duration respelled",
        manager: "kubectl-edit",
        expected: Expected::Same,
        places: duration_respelled,
    },
    Kind {
        what: "chart version changed",
        manager: "kubectl-edit",
        expected: Expected::Drifted,
        places: chart_version,
    },
    Kind {
        what: "chart value changed",
        manager: "kubectl-edit",
        expected: Expected::Drifted,
        places: value_changed,
    },
    Kind {
        what: "chart value added",
        manager: "some-operator",
        expected: Expected::Added,
        places: value_added,
    },
    Kind {
        what: "quantity respelled in a custom resource",
        manager: "kubectl-edit",
        expected: Expected::Same,
        places: custom_quantity,
    },
];
