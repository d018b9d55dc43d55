//! The minimising delta debugging algorithm, on positions.

/// Looks for a small subset of `0..count` for which `fails` says yes. The whole set is known to.
/// No single element of the last subset that did can be left out, unless `fails` stopped answering
/// yes.
///
/// Sweeps over the set and leaves out chunk after chunk, each sweep with chunks of half the size.
/// Chunks alone are not tried, only what is left without them: where everything is needed, that is
/// half the work, and elsewhere it is little more.
///
/// # Errors
/// What `fails` fails with.
pub async fn ddmin<E>(
    count: usize,
    mut fails: impl AsyncFnMut(&[usize]) -> Result<bool, E>,
) -> Result<(), E> {
    if count == 0 || fails(&[]).await? {
        return Ok(());
    }
    let mut kept: Vec<usize> = (0..count).collect();
    let mut size = kept.len().div_ceil(2);
    while kept.len() >= 2 {
        let mut is_smaller = false;
        let mut start = 0;
        while start < kept.len() && size < kept.len() {
            let end = kept.len().min(start + size);
            let rest: Vec<usize> = [&kept[..start], &kept[end..]].concat();
            if fails(&rest).await? {
                kept = rest;
                is_smaller = true;
            } else {
                start = end;
            }
        }
        match size {
            1 if !is_smaller => break,
            1 => {}
            _ => size = size.div_ceil(2),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::executor::block_on;

    use super::*;

    /// The last subset for which `needed` is contained, and how many were tried.
    fn run(count: usize, needed: &[usize]) -> (Vec<usize>, usize) {
        let mut best: Vec<usize> = (0..count).collect();
        let mut tried = 0;
        let result: Result<(), Infallible> = block_on(ddmin(count, async |subset: &[usize]| {
            tried += 1;
            let fails = needed.iter().all(|one| subset.contains(one));
            if fails {
                best = subset.to_vec();
            }
            Ok(fails)
        }));
        let Ok(()) = result;
        (best, tried)
    }

    #[test]
    fn keeps_exactly_what_is_needed() {
        for needed in [
            vec![],
            vec![0],
            vec![39],
            vec![3, 17],
            vec![0, 20, 39],
            (0..40).collect(),
        ] {
            assert_eq!(run(40, &needed).0, needed);
        }
        assert_eq!(run(1, &[0]).0, [0]);
        assert_eq!(run(0, &[]).0, [0; 0]);
    }

    #[test]
    fn one_culprit_is_found_in_logarithmic_time() {
        let (_, tried) = run(1_024, &[700]);
        assert!(tried <= 3 * 10 + 2, "{tried}");
    }
}
