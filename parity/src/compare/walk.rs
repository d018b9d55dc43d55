//! Two JSON values, walked together.

use std::collections::HashMap;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::{
    Findings, Scope,
    meaning::{Meaning, meaning},
    pairing::{Pairing, Side, pair},
};
use crate::{
    bind::{Bindings, Sight},
    clocks::{CLOCK_RULE, Origin},
    decimal::Decimal,
    json::{self, Text, Value},
    outcome::{Divergence, Kind, Place},
    path::{self, Segment},
    rules::{Equivalence, RootIdentities, Rule, Sort},
};

/// Compares the values below one root: a body (`$`), or the rows of one table.
pub(super) struct Walk<'w, 's> {
    pub(super) scope: &'w Scope<'s>,
    pub(super) bindings: &'w mut Bindings,
    findings: &'w mut Findings,
    pub(super) place: Place,
    root: &'w str,
    /// Where numbers that the server makes stand below the root.
    pub(super) identities: RootIdentities<'s>,
}

pub(super) type Path<'v> = Vec<Segment<'v>>;

impl<'w, 's> Walk<'w, 's> {
    pub(super) fn new(
        scope: &'w Scope<'s>,
        bindings: &'w mut Bindings,
        findings: &'w mut Findings,
        place: Place,
        root: &'w str,
    ) -> Self {
        Walk {
            scope,
            bindings,
            findings,
            place,
            root,
            identities: scope.context.rules.identities().below(root),
        }
    }

    /// Compares the values that both sides have at `path`.
    pub(super) fn compare<'v>(
        &mut self,
        path: &mut Path<'v>,
        reference: &'v Value<'_>,
        candidate: &'v Value<'_>,
    ) {
        if let Some((object, sort)) = self.identities.at(path)
            && is_name(reference)
            && is_name(candidate)
        {
            let sight = match sort {
                Sort::Definition => Sight::First,
                Sort::Mention => self.scope.mentions,
            };
            let agree =
                self.bindings
                    .agree(object, &reference.to_text(), &candidate.to_text(), sight);
            if !agree {
                self.diverged(path, Kind::Binding, Some(reference), Some(candidate));
            }
            return;
        }
        match (reference, candidate) {
            (Value::Null, Value::Null) => {}
            (Value::Bool(a), Value::Bool(b)) if a == b => {}
            (Value::Number(a), Value::Number(b)) => {
                if a != b {
                    let same = matches!(
                        (Decimal::parse(a), Decimal::parse(b)),
                        (Some(a), Some(b)) if a == b
                    );
                    let kind = if same { Kind::Form } else { Kind::Value };
                    self.differs(path, kind, reference, candidate);
                }
            }
            (Value::String(a), Value::String(b)) => {
                if a != b {
                    self.strings(path, a, b, reference, candidate);
                }
            }
            (Value::Array(a), Value::Array(b)) => self.arrays(path, a, b),
            (Value::Object(a), Value::Object(b)) => self.objects(path, a, b),
            (Value::Null, _) | (_, Value::Null) => {
                self.differs(path, Kind::Null, reference, candidate);
            }
            (Value::Bool(_), Value::Bool(_)) => {
                self.differs(path, Kind::Value, reference, candidate);
            }
            _ => self.differs(path, Kind::Type, reference, candidate),
        }
    }

    fn strings(
        &mut self,
        path: &mut Path<'_>,
        a: &Text<'_>,
        b: &Text<'_>,
        reference: &Value<'_>,
        candidate: &Value<'_>,
    ) {
        if a.means_same_as(b) {
            // Rows have no written form of their own; in a body `é` and `\u00e9` are other bytes.
            if self.place != Place::Effects {
                self.differs(path, Kind::Form, reference, candidate);
            }
        } else if !self.documents(path, &a.decoded(), &b.decoded()) {
            self.differs(path, Kind::Value, reference, candidate);
        }
    }

    /// Compares two strings as the JSON documents they hold, where a rule speaks about a place
    /// inside them or times inside them come from two clocks. Returns whether it did.
    fn documents(&mut self, path: &Path<'_>, reference: &str, candidate: &str) -> bool {
        let mut inside: Path<'_> = path.clone();
        inside.push(Segment::Embedded);
        let spoken_about =
            self.scope.rules.iter().any(|rule| {
                rule.covers(self.root, &inside) || rule.reaches_below(self.root, &inside)
            });
        let holds_times = !self.bindings.clocks().is_empty() && reference.starts_with(['{', '[']);
        if !spoken_about && !holds_times {
            return false;
        }
        let (Ok((a, our_layout)), Ok((b, their_layout))) = (
            json::parse_with_layout(reference.as_bytes()),
            json::parse_with_layout(candidate.as_bytes()),
        ) else {
            return false;
        };
        if our_layout != their_layout {
            return false;
        }
        let place = std::mem::replace(&mut self.place, Place::Body);
        let from = self.findings.lengths();
        self.compare(&mut inside, &a, &b);
        self.place = place;
        self.findings.move_to(place, from);
        true
    }

    fn arrays<'v>(&mut self, path: &mut Path<'v>, a: &'v [Value<'_>], b: &'v [Value<'_>]) {
        let list_rule = self.rule(path, |equivalence| {
            equivalence.leaves_order_open() || matches!(equivalence, Equivalence::KeyedList { .. })
        });
        if let Some(rule) = list_rule
            && a != b
            && (a.len() > 1 || b.len() > 1)
        {
            let keys = match rule.equivalence() {
                Equivalence::KeyedList { keys } => keys.as_slice(),
                _ => &[],
            };
            let pairing = pair(self, path, a, b, keys);
            return self.paired(path, a, b, &pairing, Some(rule));
        }
        if a.len() != b.len() {
            return self.aligned(path, a, b);
        }
        let in_place = (0..a.len()).map(|index| (index, index));
        let changed = self.changed(path, a, b, in_place);
        if changed.len() > 1 {
            let indices = changed.iter().map(|&(index, _)| index);
            let ours = self.meanings(path, Side::Reference, a, indices.clone());
            let theirs = self.meanings(path, Side::Candidate, b, indices);
            if ours != theirs && sorted(ours) == sorted(theirs) {
                let pairing = pair(self, path, a, b, &[]);
                return self.paired(path, a, b, &pairing, None);
            }
        }
        self.elements(path, a, b, &changed);
    }

    /// Pairs of elements in which there may be something to find: they differ, or they name an
    /// object.
    fn changed<'v>(
        &self,
        path: &mut Path<'v>,
        a: &'v [Value<'_>],
        b: &'v [Value<'_>],
        pairs: impl Iterator<Item = (usize, usize)>,
    ) -> Vec<(usize, usize)> {
        pairs
            .filter(|&(ours, theirs)| {
                a[ours] != b[theirs] || {
                    path.push(Segment::Index(ours));
                    let names = self.identities.are_in(path, &a[ours]);
                    path.pop();
                    names
                }
            })
            .collect()
    }

    fn meanings<'v>(
        &self,
        path: &mut Path<'v>,
        side: Side,
        values: &'v [Value<'_>],
        indices: impl Iterator<Item = usize>,
    ) -> Vec<Meaning> {
        indices
            .map(|index| {
                path.push(Segment::Index(index));
                let meaning = meaning(self, path, side, &values[index]);
                path.pop();
                meaning
            })
            .collect()
    }

    fn elements<'v>(
        &mut self,
        path: &mut Path<'v>,
        a: &'v [Value<'_>],
        b: &'v [Value<'_>],
        pairs: &[(usize, usize)],
    ) {
        for &(ours, theirs) in pairs {
            path.push(Segment::Index(ours));
            self.compare(path, &a[ours], &b[theirs]);
            path.pop();
        }
    }

    /// Compares elements that were found to belong together, wherever they stand.
    pub(super) fn paired<'v>(
        &mut self,
        path: &mut Path<'v>,
        a: &'v [Value<'_>],
        b: &'v [Value<'_>],
        pairing: &Pairing,
        unordered: Option<&Rule>,
    ) {
        if !pairing.in_order() {
            let order = |indices: Vec<usize>| format!("{indices:?}");
            let (ours, theirs): (Vec<_>, Vec<_>) = pairing.pairs.iter().copied().unzip();
            let mut found = self.divergence(path, Kind::Order);
            found.reference = Some(order(ours));
            found.candidate = Some(order(theirs));
            match unordered {
                Some(rule) if !rule.equivalence().allows_places(a, b) => {
                    found.kind = Kind::RuleViolated;
                    found.rule = Some(rule.id().to_owned());
                    self.findings.diverged.push(found);
                }
                allowed => self.record(found, allowed),
            }
        }
        let changed = self.changed(path, a, b, pairing.pairs.iter().copied());
        self.elements(path, a, b, &changed);
        for &index in &pairing.missing {
            path.push(Segment::Index(index));
            self.diverged(path, Kind::Missing, Some(&a[index]), None);
            path.pop();
        }
        for &index in &pairing.extra {
            path.push(Segment::Index(index));
            self.diverged(path, Kind::Extra, None, Some(&b[index]));
            path.pop();
        }
    }

    /// Ordered lists of different length: says which elements are missing or extra.
    fn aligned<'v>(&mut self, path: &mut Path<'v>, a: &'v [Value<'_>], b: &'v [Value<'_>]) {
        let ours = self.meanings(path, Side::Reference, a, 0..a.len());
        let theirs = self.meanings(path, Side::Candidate, b, 0..b.len());
        for op in capture_diff_slices(Algorithm::Myers, &ours, &theirs) {
            let (old, new) = (op.old_range(), op.new_range());
            let shared = old.len().min(new.len());
            if matches!(op, DiffOp::Replace { .. }) && old.len() != new.len() {
                let mut found = self.divergence(path, Kind::Length);
                found.reference = Some(a.len().to_string());
                found.candidate = Some(b.len().to_string());
                self.record(found, None);
            }
            let side_by_side = old.clone().zip(new.clone()).take(shared);
            let changed = self.changed(path, a, b, side_by_side);
            self.elements(path, a, b, &changed);
            for index in old.skip(shared) {
                path.push(Segment::Index(index));
                self.diverged(path, Kind::Missing, Some(&a[index]), None);
                path.pop();
            }
            for index in new.skip(shared) {
                path.push(Segment::Index(index));
                self.diverged(path, Kind::Extra, None, Some(&b[index]));
                path.pop();
            }
        }
    }

    fn objects<'v>(&mut self, path: &mut Path<'v>, a: &'v Members<'_>, b: &'v Members<'_>) {
        if a.len() == b.len()
            && a.iter()
                .zip(b)
                .all(|((ours, _), (theirs, _))| ours == theirs)
        {
            for ((key, ours), (_, theirs)) in a.iter().zip(b) {
                path.push(Segment::Key(key.written()));
                self.compare(path, ours, theirs);
                path.pop();
            }
            return;
        }
        let key_case = self.rule(path, |equivalence| *equivalence == Equivalence::KeyCase);
        let name = |key: &Text<'_>| {
            if key_case.is_some() {
                key.decoded().replace('_', "").to_lowercase()
            } else {
                key.decoded().into_owned()
            }
        };
        // The n-th member of a name belongs to the n-th of the other side: repeated keys count.
        let mut waiting: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, (key, _)) in b.iter().enumerate().rev() {
            waiting.entry(name(key)).or_default().push(index);
        }
        let mut order = Vec::with_capacity(a.len());
        let mut taken = vec![false; b.len()];
        for (key, ours) in a {
            let partner = waiting.get_mut(&name(key)).and_then(Vec::pop);
            path.push(Segment::Key(key.written()));
            match partner {
                Some(index) => {
                    taken[index] = true;
                    order.push(index);
                    let (written, theirs) = &b[index];
                    if key != written && (self.place != Place::Effects || key_case.is_some()) {
                        let mut found = self.divergence(path, Kind::Form);
                        found.reference = Some(key.written().to_owned());
                        found.candidate = Some(written.written().to_owned());
                        let allowed = key_case.filter(|_| key.decoded() != written.decoded());
                        self.record(found, allowed);
                    }
                    self.compare(path, ours, theirs);
                }
                None => self.diverged(path, Kind::Missing, Some(ours), None),
            }
            path.pop();
        }
        for (key, theirs) in b
            .iter()
            .zip(&taken)
            .filter(|(_, taken)| !**taken)
            .map(|(m, _)| m)
        {
            path.push(Segment::Key(key.written()));
            self.diverged(path, Kind::Extra, None, Some(theirs));
            path.pop();
        }
        // Rows and jsonb columns have no order of keys.
        if self.place != Place::Effects && !order.is_sorted() {
            let unordered = self.rule(path, |equivalence| {
                *equivalence == Equivalence::UnorderedKeys
            });
            let keys = |members: &Members<'_>| {
                let keys: Vec<&str> = members.iter().map(|(key, _)| key.written()).collect();
                Some(keys.join(", "))
            };
            let mut found = self.divergence(path, Kind::Order);
            found.reference = keys(a);
            found.candidate = keys(b);
            self.record(found, unordered);
        }
    }

    /// Two different scalars, or values of different types: a rule may allow it.
    fn differs(
        &mut self,
        path: &Path<'_>,
        kind: Kind,
        reference: &Value<'_>,
        candidate: &Value<'_>,
    ) {
        let mut found = self.divergence(path, kind);
        found.reference = Some(reference.to_text());
        found.candidate = Some(candidate.to_text());
        if let (Value::String(ours), Value::String(theirs)) = (reference, candidate)
            && kind == Kind::Value
            && self
                .bindings
                .clocks()
                .explain(&ours.decoded(), &theirs.decoded(), self.origin(path))
        {
            found.rule = Some(CLOCK_RULE.to_owned());
            self.findings.tolerated.push(found);
            return;
        }
        let rule = self.rule(path, |equivalence| equivalence.allows("", "").is_some());
        let Some(rule) = rule else {
            return self.record(found, None);
        };
        let texts = (scalar_text(reference), scalar_text(candidate));
        let same_type = std::mem::discriminant(reference) == std::mem::discriminant(candidate);
        let allowed = match texts {
            (Some(ours), Some(theirs)) if same_type => {
                rule.equivalence().allows(&ours, &theirs) == Some(true)
            }
            _ => false,
        };
        if allowed {
            self.record(found, Some(rule));
        } else {
            found.kind = Kind::RuleViolated;
            found.rule = Some(rule.id().to_owned());
            self.findings.diverged.push(found);
        }
    }

    /// How the text at this place came to be. Values inside of columns are what the service wrote.
    pub(super) fn origin(&self, path: &Path<'_>) -> Origin {
        let depth = match path.first() {
            Some(Segment::Key("updated")) => 4,
            _ => 3,
        };
        if self.place == Place::Effects && path.len() == depth {
            Origin::Column
        } else {
            Origin::Service
        }
    }

    /// First rule at this place whose equivalence is asked for.
    pub(super) fn rule(
        &self,
        path: &Path<'_>,
        wanted: impl Fn(&Equivalence) -> bool,
    ) -> Option<&'s Rule> {
        self.scope
            .rules
            .iter()
            .copied()
            .find(|rule| wanted(rule.equivalence()) && rule.covers(self.root, path))
    }

    pub(super) fn diverged(
        &mut self,
        path: &Path<'_>,
        kind: Kind,
        reference: Option<&Value<'_>>,
        candidate: Option<&Value<'_>>,
    ) {
        let mut found = self.divergence(path, kind);
        found.reference = reference.map(Value::to_text);
        found.candidate = candidate.map(Value::to_text);
        self.record(found, None);
    }

    fn divergence(&self, path: &Path<'_>, kind: Kind) -> Divergence {
        Divergence {
            place: self.place,
            path: path::render(self.root, path),
            kind,
            reference: None,
            candidate: None,
            rule: None,
        }
    }

    fn record(&mut self, mut found: Divergence, allowed_by: Option<&Rule>) {
        match allowed_by {
            Some(rule) => {
                found.rule = Some(rule.id().to_owned());
                self.findings.tolerated.push(found);
            }
            None => self.findings.diverged.push(found),
        }
    }
}

type Members<'a> = [(Text<'a>, Value<'a>)];

fn sorted(mut meanings: Vec<Meaning>) -> Vec<Meaning> {
    meanings.sort_unstable();
    meanings
}

/// Whether the value can name an object: a number or a text, and not null.
pub(super) fn is_name(value: &Value<'_>) -> bool {
    matches!(value, Value::Number(_) | Value::String(_))
}

/// Text of a scalar without JSON's quotes.
fn scalar_text(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Number(text) => Some(text.to_string()),
        Value::String(text) => Some(text.decoded().into_owned()),
        _ => None,
    }
}
