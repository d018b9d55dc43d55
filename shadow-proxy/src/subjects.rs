//! Which subjects (addresses) are being changed right now.
//!
//! A pair is only comparable when nobody else may have changed what both sides read: the answer of
//! a request that overlapped another's write says nothing about parity, whatever it looks like.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

/// Activity on one subject.
#[derive(Debug, Default)]
struct Activity {
    /// Requests that are watched; the entry goes with the last of them.
    watched: usize,
    writes_begun: u64,
    writes_open: usize,
}

/// Activity on all subjects that anyone watches.
#[derive(Debug, Default)]
pub struct Subjects(Mutex<HashMap<String, Activity>>);

impl Subjects {
    /// Begins to watch a subject; `writes` says whether this request may change it.
    pub fn watch(self: &Arc<Self>, subject: String, writes: bool) -> Watch {
        let mut subjects = self.0.lock();
        let activity = subjects.entry(subject.clone()).or_default();
        let disturbed = activity.writes_open > 0;
        activity.watched += 1;
        if writes {
            activity.writes_begun += 1;
            activity.writes_open += 1;
        }
        let begun = activity.writes_begun;
        drop(subjects);
        Watch {
            subjects: Arc::clone(self),
            subject,
            disturbed,
            begun,
            writing: writes,
        }
    }
}

/// One request's view of its subject.
#[derive(Debug)]
pub struct Watch {
    subjects: Arc<Subjects>,
    subject: String,
    /// Another write was open when this request began.
    disturbed: bool,
    begun: u64,
    writing: bool,
}

impl Watch {
    /// Whom the request is about.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// This request's own write is over.
    pub fn written(&mut self) {
        if std::mem::take(&mut self.writing)
            && let Some(activity) = self.subjects.0.lock().get_mut(&self.subject)
        {
            activity.writes_open -= 1;
        }
    }

    /// Whether another request may have changed the subject since this one began.
    pub fn is_disturbed(&self) -> bool {
        self.disturbed
            || self
                .subjects
                .0
                .lock()
                .get(&self.subject)
                .is_some_and(|activity| activity.writes_begun != self.begun)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.written();
        let mut subjects = self.subjects.0.lock();
        if let Some(activity) = subjects.get_mut(&self.subject) {
            activity.watched -= 1;
            if activity.watched == 0 {
                subjects.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_requests_write_disturbs() {
        let subjects = Arc::new(Subjects::default());
        let mut first = subjects.watch("a".into(), true);
        let reader = subjects.watch("a".into(), false);
        let elsewhere = subjects.watch("b".into(), true);
        assert!(
            !first.is_disturbed(),
            "its own write and a read do not count"
        );
        assert!(reader.is_disturbed(), "a write was open when it began");
        assert!(!elsewhere.is_disturbed());
        first.written();
        let quiet = subjects.watch("a".into(), false);
        assert!(!quiet.is_disturbed(), "the write was over");
        let _second = subjects.watch("a".into(), true);
        assert!(quiet.is_disturbed(), "a write began since");
        assert!(first.is_disturbed());
    }

    #[test]
    fn nothing_is_remembered_of_subjects_nobody_watches() {
        let subjects = Arc::new(Subjects::default());
        let watches: Vec<_> = (0..10)
            .map(|n| subjects.watch(format!("{}", n % 3), true))
            .collect();
        drop(watches);
        assert!(subjects.0.lock().is_empty());
    }
}
