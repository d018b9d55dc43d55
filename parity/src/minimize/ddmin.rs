//! The minimising delta debugging algorithm, on positions.

/// Looks for a small subset of `0..count` for which `fails` says yes. The whole set is known to.
/// No single element of the last subset that did can be left out, unless `fails` stopped answering
/// yes.
///
/// # Errors
/// What `fails` fails with.
pub async fn ddmin<E>(
    count: usize,
    mut fails: impl AsyncFnMut(&[usize]) -> Result<bool, E>,
) -> Result<(), E> {
    let mut kept: Vec<usize> = (0..count).collect();
    if count > 0 && fails(&[]).await? {
        return Ok(());
    }
    let mut parts = 2;
    while kept.len() >= 2 {
        let size = kept.len().div_ceil(parts);
        let mut smaller = None;
        for chunk in kept.chunks(size) {
            if chunk.len() < kept.len() && fails(chunk).await? {
                smaller = Some((chunk.to_vec(), 2));
                break;
            }
        }
        if smaller.is_none() {
            for start in (0..kept.len()).step_by(size) {
                let end = kept.len().min(start + size);
                let rest: Vec<usize> = [&kept[..start], &kept[end..]].concat();
                if fails(&rest).await? {
                    smaller = Some((rest, (parts - 1).max(2)));
                    break;
                }
            }
        }
        match smaller {
            Some((subset, next_parts)) => {
                kept = subset;
                parts = next_parts;
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(kept.len()),
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
