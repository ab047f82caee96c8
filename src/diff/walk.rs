//! The walk: desired, base and live side by side, with the owners and the schema kept in step (diff.md 2.7).

use super::comparison::{Base, Comparison};
use super::equal::same;
use super::lists::{Identity, KeyField, ListShape, guess, known_shape};
use super::normal::{Equality, Rule, equal_scalars, ignored, is_free_map, present, zero_is_none};
use super::owners::{Cursor, Owners};
use super::pattern::{Subject, last_key};
use super::redact;
use super::rules::ObjectRules;
use super::sides::{Elements, Lookup, Sides, keys};
use crate::model::{FieldClass, FieldDiff, FieldPath, FieldStep, ListKind, SchemaRef, Shape};
use crate::yaml::{Map, Node};
use std::collections::HashSet;
use std::sync::Arc;

/// How many nodes of one object are looked at before the comparison gives up (diff.md 2.13).
const NODES: usize = 200_000;
/// Atomic lists longer than this are compared as a whole (diff.md 2.13).
const ELEMENTS: usize = 200;
/// Deeper nesting is compared as a whole (diff.md 2.13).
const DEPTH: usize = 128;

/// One walk through one object.
pub(super) struct Walk<'n> {
    pub input: &'n Comparison<'n>,
    pub subject: Subject<'n>,
    pub owners: Owners<'n>,
    pub rules: ObjectRules<'n>,
    /// Where the walk stands.
    pub path: Vec<FieldStep>,
    /// For elements of lists: their index, for JSON pointers.
    pub indices: Vec<Option<usize>>,
    /// The live nodes above.
    pub above: Vec<Option<&'n Node>>,
    /// What was found.
    pub out: Vec<FieldDiff>,
    /// True if lists were paired by guess.
    pub approximate: bool,
    /// True if the object was too large to be walked to its end.
    pub exhausted: bool,
    /// True if two renderings are compared: every difference is a change, whoever made it.
    pub two_way: bool,
    nodes: usize,
}

impl<'n> Walk<'n> {
    pub fn new(
        input: &'n Comparison<'n>,
        managers: &'n [crate::model::Manager],
        rules: ObjectRules<'n>,
    ) -> Self {
        Self {
            input,
            subject: Subject::of(input.key),
            owners: Owners::read(managers),
            rules,
            path: Vec::new(),
            indices: Vec::new(),
            above: Vec::new(),
            out: Vec::new(),
            approximate: false,
            exhausted: false,
            two_way: false,
            nodes: 0,
        }
    }

    /// A walk through two renderings: `d` is the new one, `l` the old one.
    pub fn two_way(input: &'n Comparison<'n>, rules: ObjectRules<'n>) -> Self {
        Self { two_way: true, ..Self::new(input, &[], rules) }
    }

    /// Compares what stands at the current path.
    pub fn visit(&mut self, raw: Sides<'n>, cursor: Cursor, schema: Option<SchemaRef<'n>>) {
        self.nodes += 1;
        if self.nodes > NODES {
            self.exhausted = true;
            return;
        }
        let sides =
            if self.two_way { raw.spelled(&self.subject, &self.path) } else { raw.present(&self.path) };
        if sides.d.is_none() && sides.l.is_none() {
            self.note_blank(raw);
            return;
        }
        // Presence alone says something here, and only one side has it: there is nothing to walk into.
        let hollow =
            |n: &Node| n.as_map().is_some_and(Map::is_empty) || n.as_seq().is_some_and(<[_]>::is_empty);
        if sides.d.xor(sides.l).is_some_and(hollow) {
            return self.rule(sides, cursor, schema);
        }
        let deep = self.path.len() >= DEPTH;
        if !deep && sides.here().all(|n| n.as_map().is_some()) {
            self.map(sides, cursor, schema);
        } else if !deep && sides.here().all(|n| n.as_seq().is_some()) {
            self.list(sides, cursor, schema);
        } else {
            self.leaf(sides, cursor, schema);
        }
        if !self.two_way && raw.d.is_some_and(Node::is_null) && sides.l.is_some() {
            self.note_null();
        }
    }

    /// One side spells out that there is nothing: equal by N10 or N12.
    fn note_blank(&mut self, raw: Sides<'n>) {
        let rule = match (raw.d, raw.l) {
            (Some(d), l) if d.is_null() && !l.is_some_and(Node::is_null) => Rule::NullIsNone,
            (None, Some(l)) if l.is_null() => Rule::NullIsNone,
            (Some(_), None) | (None, Some(_)) => Rule::EmptyIsNone,
            _ => return,
        };
        self.equal_by(rule, raw);
    }

    /// kubernetes#108234: a null in git does not remove anything under server-side apply.
    fn note_null(&mut self) {
        let path = &self.path;
        if let Some(last) = self.out.last_mut().filter(|diff| diff.path.0.starts_with(path)) {
            if !last.note.is_empty() {
                last.note.push_str("; ");
            }
            last.note.push_str("null in git has no effect under server-side apply");
        }
    }

    pub fn equal_by(&mut self, rule: Rule, sides: Sides<'n>) {
        self.push(FieldClass::Synced, sides, None, rule.why().to_owned());
    }

    pub fn push(
        &mut self,
        class: FieldClass,
        sides: Sides<'n>,
        by: Option<&crate::model::Manager>,
        note: String,
    ) {
        let hide = |node: &Node| redact::hide(&self.subject, &self.path, node);
        self.out.push(FieldDiff {
            path: FieldPath(self.path.clone()),
            class,
            desired: sides.d.map(hide),
            live: sides.l.map(hide),
            base: sides.base().map(hide),
            by: by.map(|m| crate::model::Manager { fields: Node::null(), ..m.clone() }),
            note,
        });
    }

    fn map(&mut self, sides: Sides<'n>, cursor: Cursor, schema: Option<SchemaRef<'n>>) {
        let start = self.out.len();
        let declared = |node: Option<&Node>| node.and_then(Node::as_map).is_some_and(|m| !m.is_empty());
        let whole = declared(sides.d) || declared(sides.base()) || self.is_atomic_map(schema);
        let lookups = [Lookup::of(sides.d), Lookup::of(sides.base()), Lookup::of(sides.l)];
        self.above.push(sides.l);
        for name in keys(sides) {
            self.path.push(FieldStep::Key(name.clone()));
            self.indices.push(None);
            if ignored(&self.path).is_none() {
                let child = Sides {
                    d: lookups[0].get(&name),
                    b: sides.b.step(lookups[1].get(&name)),
                    l: lookups[2].get(&name),
                };
                let below = self.owners.field(cursor, &name, whole);
                match (schema.and_then(|s| s.field(&name)), child.d) {
                    (None, Some(d)) if child.l.is_none() && self.drops(schema) => self.invalid(child, d),
                    (known, _) => self.visit(child, below, known),
                }
            }
            self.indices.pop();
            self.path.pop();
        }
        self.above.pop();
        if sides.d.is_none() || sides.l.is_none() {
            self.fold_up(start, sides);
        }
    }

    /// True if the server drops the field at the current path, whose parent has this schema.
    fn drops(&self, parent: Option<SchemaRef>) -> bool {
        if self.two_way {
            return false;
        }
        match parent {
            Some(parent) => {
                matches!(parent.shape(), Shape::Object { fields, .. } if !fields.is_empty())
                    && parent.schema().is_some_and(|field| !field.keeps_unknown)
            }
            None => self.input.schema.is_none() && super::known::is_dropped(&self.subject, &self.path),
        }
    }

    /// Row 11: the server does not know the field and drops it.
    fn invalid(&mut self, sides: Sides<'n>, desired: &Node) {
        if present(Some(desired), &self.path).is_some() {
            let note = "the server does not know this field and drops it".to_owned();
            self.push(FieldClass::InvalidInGit, sides, None, note);
        }
    }

    fn is_atomic_map(&self, schema: Option<SchemaRef>) -> bool {
        match schema.map(SchemaRef::shape) {
            Some(Shape::Object { atomic, .. } | Shape::Map { atomic, .. }) => *atomic,
            _ => self.subject.built_in && matches!(last_key(&self.path), Some("nodeSelector" | "selector")),
        }
    }

    /// A mapping that stands on one side only is one finding, not one for each of its leaves, if they all agree.
    fn fold_up(&mut self, start: usize, sides: Sides<'n>) {
        if self.path.is_empty() || last_key(&self.path) == Some("metadata") || is_free_map(&self.path) {
            return;
        }
        let found = &self.out[start..];
        let mut seen = found.iter().filter(|diff| !super::object::is_hidden(diff.class));
        let Some(first) = seen.next() else { return };
        let alike = |diff: &FieldDiff| {
            diff.class == first.class
                && diff.note == first.note
                && diff.by.as_ref().map(|m| &m.name) == first.by.as_ref().map(|m| &m.name)
        };
        if found.len() < 2 || !seen.all(alike) {
            return;
        }
        let (class, by, note) = (first.class, first.by.clone(), first.note.clone());
        self.out.truncate(start);
        self.push(class, sides, by.as_ref(), note);
    }

    fn leaf(&mut self, sides: Sides<'n>, cursor: Cursor, schema: Option<SchemaRef<'n>>) {
        match (sides.d, sides.l) {
            (Some(d), Some(l)) => match equal_scalars(&self.subject, &self.path, schema, d, l) {
                Equality::By(rule) => return self.equal_by(rule, sides),
                Equality::Alike => return,
                Equality::No => {}
            },
            (None, Some(l)) if self.two_way && zero_is_none(&self.subject, &self.path, l) => {
                return self.equal_by(Rule::ZeroIsNone, sides);
            }
            (Some(d), None) if zero_is_none(&self.subject, &self.path, d) => {
                return self.equal_by(Rule::ZeroIsNone, sides);
            }
            _ => {}
        }
        self.rule(sides, cursor, schema);
    }

    fn list(&mut self, sides: Sides<'n>, cursor: Cursor, schema: Option<SchemaRef<'n>>) {
        self.above.push(sides.l);
        match self.shape(sides, cursor, schema) {
            ListShape::Keyed(keys) => self.keyed(sides, cursor, schema, &keys),
            ListShape::Set => self.set(sides, cursor, schema),
            ListShape::Bag => self.bag(sides, cursor, schema),
            ListShape::Atomic => self.atomic(sides, cursor, schema),
        }
        self.above.pop();
    }

    /// The shape of the list: what is compiled in, what the schema says, what the owners give away, a guess.
    fn shape(&mut self, sides: Sides<'n>, cursor: Cursor, schema: Option<SchemaRef<'n>>) -> ListShape {
        let compiled = known_shape(&self.subject, &self.path);
        match (&compiled, schema.and_then(|s| Some((s, s.list_kind()?)))) {
            (Some(shape), _) if *shape != ListShape::Atomic => return shape.clone(),
            (_, Some((_, ListKind::Set))) => return ListShape::Set,
            (_, Some((_, ListKind::Atomic))) => return ListShape::Atomic,
            (_, Some((at, ListKind::Keyed(names)))) => return ListShape::Keyed(key_fields(at, names)),
            (_, Some((at, ListKind::Merged(name)))) => {
                return ListShape::Keyed(key_fields(at, std::slice::from_ref(name)));
            }
            (Some(shape), None) => return shape.clone(),
            (None, None) => {}
        }
        if let Some(keys) = self.owners.keys_of(cursor) {
            return ListShape::Keyed(keys);
        }
        if self.owners.is_set(cursor) {
            return ListShape::Set;
        }
        if self.owners.is_leaf(cursor) {
            return ListShape::Atomic;
        }
        let lists: Vec<&[Node]> = sides.here().filter_map(Node::as_seq).collect();
        match guess(&lists) {
            Some(shape) => {
                self.approximate = true;
                shape
            }
            None => ListShape::Atomic,
        }
    }

    fn keyed(&mut self, sides: Sides<'n>, cursor: Cursor, schema: Option<SchemaRef<'n>>, keys: &[KeyField]) {
        let (d, b, l) =
            (Elements::of(sides.d, keys), Elements::of(sides.base(), keys), Elements::of(sides.l, keys));
        let mut seen = HashSet::new();
        for id in d.order.iter().chain(&l.order).filter(|id| seen.insert(*id)) {
            let child = Sides { d: d.get(id), b: sides.b.step(b.get(id)), l: l.get(id) };
            let Some(element) = child.l.or(child.d) else { continue };
            self.enter(id.step(), l.index(id).or(d.index(id)));
            let below = self.owners.item(cursor, element, keys);
            if child.d.is_some() && child.l.is_some() {
                self.visit(child, below, schema.and_then(SchemaRef::items));
            } else {
                self.rule(child, below, schema.and_then(SchemaRef::items));
            }
            self.leave();
        }
        if self.order_matters(sides) {
            let common = |list: &Elements| -> Vec<Identity> {
                list.order.iter().filter(|id| d.has(id) && l.has(id)).cloned().collect()
            };
            if common(&d) != common(&l) {
                self.rule_order(sides, common(&b) == common(&l), cursor);
            }
        }
    }

    /// Order of a keyed list means something for init containers, and for variables that use earlier ones.
    fn order_matters(&self, sides: Sides) -> bool {
        match last_key(&self.path) {
            Some("initContainers") => true,
            Some("env") => sides.here().filter_map(Node::as_seq).flatten().any(|variable| {
                variable.get("value").and_then(Node::scalar_text).is_some_and(|text| text.contains("$("))
            }),
            _ => false,
        }
    }

    fn set(&mut self, sides: Sides<'n>, cursor: Cursor, schema: Option<SchemaRef<'n>>) {
        let find = |side: Option<&'n Node>, value: &str| {
            side.and_then(Node::as_seq)
                .and_then(|list| list.iter().find(|e| e.scalar_text().unwrap_or("") == value))
        };
        let mut seen = HashSet::new();
        for (index, element) in sides.here().filter_map(Node::as_seq).flat_map(|list| list.iter().enumerate())
        {
            let value = element.scalar_text().unwrap_or("");
            if !seen.insert(value) {
                continue;
            }
            let child = Sides {
                d: find(sides.d, value),
                b: sides.b.step(find(sides.base(), value)),
                l: find(sides.l, value),
            };
            if child.d.is_none() || child.l.is_none() {
                self.enter(FieldStep::Item(crate::model::clean(value).into()), Some(index));
                let below = self.owners.value(cursor, value);
                self.rule(child, below, schema.and_then(SchemaRef::items));
                self.leave();
            }
        }
    }

    /// Elements without identity and order: each finds the first of the other side that says the same.
    fn bag(&mut self, sides: Sides<'n>, cursor: Cursor, schema: Option<SchemaRef<'n>>) {
        let (Some(d), Some(l)) = (sides.d.and_then(Node::as_seq), sides.l.and_then(Node::as_seq)) else {
            return self.rule(sides, cursor, schema);
        };
        let mut free: Vec<usize> = (0..l.len()).collect();
        let mut alone = 0;
        let mut moved = false;
        for (index, element) in d.iter().enumerate() {
            match free.iter().position(|at| self.same(element, &l[*at], cursor, schema)) {
                Some(place) => moved |= free.remove(place) != index,
                None => alone += 1,
            }
        }
        // What the cluster has more may be what git no longer says: then the base tells.
        let ahead = sides.base().zip(sides.d).is_some_and(|(b, d)| !same(&self.subject, &self.path, b, d));
        if alone > 0 || !free.is_empty() || ahead {
            self.rule(sides, cursor, schema);
        } else if moved {
            self.equal_by(Rule::Unordered, sides);
        }
    }

    /// A list that is one value: compared element by element where both have as many, else as a whole.
    fn atomic(&mut self, sides: Sides<'n>, cursor: Cursor, schema: Option<SchemaRef<'n>>) {
        let (Some(d), Some(l)) = (sides.d.and_then(Node::as_seq), sides.l.and_then(Node::as_seq)) else {
            return self.rule(sides, cursor, schema);
        };
        if d.len() != l.len() {
            return self.rule(sides, cursor, schema);
        }
        let start = self.out.len();
        let base = sides.base().and_then(Node::as_seq).filter(|list| list.len() == d.len());
        for (index, (desired, live)) in d.iter().zip(l).enumerate() {
            let below = match (sides.b, base.and_then(|list| list.get(index))) {
                (Base::Absent, _) => Base::Absent,
                (_, Some(node)) => Base::Is(node),
                _ => Base::Unknown,
            };
            self.enter(FieldStep::Index(index), Some(index));
            let at = self.owners.index(cursor, index);
            self.visit(
                Sides { d: Some(desired), b: below, l: Some(live) },
                at,
                schema.and_then(SchemaRef::items),
            );
            self.leave();
        }
        let differs = self.out[start..].iter().any(|diff| !super::object::is_hidden(diff.class));
        // The place inside the list is told only where the elements are records that stand where they stood.
        if differs && (d.iter().all(|e| e.as_map().is_none()) || self.moved(d, l, cursor, schema)) {
            self.out.truncate(start);
            self.rule(sides, cursor, schema);
        }
    }

    /// True if an element of `d` turns up at another place of `l`.
    fn moved(&mut self, d: &'n [Node], l: &'n [Node], cursor: Cursor, schema: Option<SchemaRef<'n>>) -> bool {
        d.len() <= ELEMENTS
            && (0..d.len()).any(|i| {
                (0..l.len()).any(|j| i != j && self.same(&d[i], &l[j], cursor, schema))
                    && !self.same(&d[i], &l[i], cursor, schema)
            })
    }

    /// True if two elements of the list at the current path say the same, defaults and spelling aside.
    pub fn same(&mut self, d: &'n Node, l: &'n Node, cursor: Cursor, schema: Option<SchemaRef<'n>>) -> bool {
        self.enter(FieldStep::Index(0), None);
        let at = self.owners.index(cursor, 0);
        let items = schema.and_then(SchemaRef::items);
        let same = self.finds_nothing(Sides { d: Some(d), b: Base::Absent, l: Some(l) }, at, items);
        self.leave();
        same
    }

    /// True if a visit here would find nothing worth telling. Leaves no trace.
    pub fn finds_nothing(&mut self, sides: Sides<'n>, cursor: Cursor, schema: Option<SchemaRef<'n>>) -> bool {
        let (start, approximate) = (self.out.len(), self.approximate);
        self.visit(sides, cursor, schema);
        let nothing = self.out[start..].iter().all(|diff| super::object::is_hidden(diff.class));
        self.out.truncate(start);
        self.approximate = approximate;
        nothing
    }

    fn enter(&mut self, step: FieldStep, index: Option<usize>) {
        self.path.push(step);
        self.indices.push(index);
    }

    fn leave(&mut self) {
        self.path.pop();
        self.indices.pop();
    }
}

fn key_fields(list: SchemaRef, names: &[Arc<str>]) -> Vec<KeyField> {
    let default = |name: &str| {
        let field = list.items()?.field(name)?.schema()?;
        field.default.as_ref()?.scalar_text().map(Arc::from)
    };
    names.iter().map(|name| KeyField { name: name.clone(), default: default(name) }).collect()
}
