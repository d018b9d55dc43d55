//! What the `*_hot_paths` examples have in common: run one pure path by its name, for counting its
//! instructions. Without a name, list them.

use std::hint::black_box;

pub(crate) type Work = Box<dyn Fn()>;

/// A name, and what prepares the work.
pub(crate) type HotPath = (&'static str, fn() -> Work);

#[expect(clippy::print_stdout, reason = "the list is what was asked for")]
pub(crate) fn run(paths: &[HotPath]) {
    let Some(wanted) = std::env::args().nth(1) else {
        for (name, _) in paths {
            println!("{name}");
        }
        return;
    };
    let (_, prepare) = paths
        .iter()
        .find(|(name, _)| *name == wanted)
        .expect("the name of a path, as listed without arguments");
    let work = prepare();
    // Once uncounted, so that what is made once in a process is not counted.
    work();
    measured(&work);
}

/// The only function whose instructions `scripts/instruction-counts` counts.
#[inline(never)]
fn measured(work: &Work) {
    work();
    black_box(());
}
