//! Behaviour of the verdict as its users see it. Error rates are held by `simulation`.

use proptest::prelude::*;

use super::*;

fn live() -> Policy {
    Policy::default()
}

fn one_route(basis: Basis) -> Policy {
    Policy {
        routes: NonZeroU32::MIN,
        basis,
        ..Policy::default()
    }
}

fn counted(clean: u64, diverged: u64) -> RouteTest {
    RouteTest {
        candidate: Tally { clean, diverged },
        ..RouteTest::default()
    }
}

#[test]
fn nothing_seen_is_insufficient() {
    assert!(matches!(
        RouteTest::default().verdict(&live()),
        Verdict::Insufficient { .. }
    ));
    assert!(matches!(overall(&[]), Verdict::Insufficient { .. }));
}

#[test]
fn passes_after_exactly_as_many_clean_pairs_as_it_asked_for() {
    for basis in [Basis::Replay, Basis::Live, Basis::LiveOverNoise] {
        for start in [counted(0, 0), counted(10, 0), counted(4_000, 1)] {
            if basis == Basis::Replay && start.candidate.diverged > 0 {
                continue;
            }
            let policy = one_route(basis);
            let Verdict::Insufficient { need_more } = start.verdict(&policy) else {
                panic!("{start:?} under {basis:?} is decided")
            };
            let mut almost = start;
            almost.candidate.clean += need_more - 1;
            assert_eq!(
                almost.verdict(&policy),
                Verdict::Insufficient { need_more: 1 }
            );
            almost.observe(Outcome::Match);
            assert_eq!(almost.verdict(&policy), Verdict::Pass);
        }
    }
}

#[test]
fn a_clean_route_needs_less_than_a_quarter_more_than_the_rule_of_three() {
    let Verdict::Insufficient { need_more } = RouteTest::default().verdict(&one_route(Basis::Live))
    else {
        panic!("decided on nothing")
    };
    let rule_of_three = 3_000;
    assert!(
        need_more > rule_of_three,
        "{need_more} is fewer than a single look needs"
    );
    assert!(need_more < rule_of_three * 5 / 4, "{need_more}");
}

#[test]
fn one_divergence_fails_a_replay_whatever_its_size() {
    let policy = one_route(Basis::Replay);
    let failed = Verdict::Fail {
        reason: FailReason::Diverged,
    };
    assert_eq!(counted(1_000_000, 1).verdict(&policy), failed);
    assert_eq!(counted(0, 1).verdict(&policy), failed);
}

#[test]
fn a_rare_divergence_below_the_margin_still_passes_live_traffic() {
    assert_eq!(counted(1_000_000, 100).verdict(&live()), Verdict::Pass);
}

#[test]
fn divergence_above_the_margin_fails_live_traffic() {
    let failed = Verdict::Fail {
        reason: FailReason::Diverged,
    };
    assert_eq!(counted(100_000, 1_000).verdict(&live()), failed);
    assert_eq!(counted(0, 3).verdict(&live()), failed);
}

#[test]
fn noise_of_the_reference_is_not_held_against_the_candidate() {
    let noisy = RouteTest {
        candidate: Tally {
            clean: 990_000,
            diverged: 10_000,
        },
        reference: Tally {
            clean: 990_000,
            diverged: 10_000,
        },
        ..RouteTest::default()
    };
    assert_eq!(
        noisy.verdict(&one_route(Basis::LiveOverNoise)),
        Verdict::Pass
    );
    let failed = Verdict::Fail {
        reason: FailReason::Diverged,
    };
    assert_eq!(noisy.verdict(&one_route(Basis::Live)), failed);
}

#[test]
fn noise_hides_no_candidate_that_diverges_more() {
    let worse = RouteTest {
        candidate: Tally {
            clean: 98_000,
            diverged: 2_000,
        },
        reference: Tally {
            clean: 99_000,
            diverged: 1_000,
        },
        ..RouteTest::default()
    };
    let failed = Verdict::Fail {
        reason: FailReason::Diverged,
    };
    assert_eq!(worse.verdict(&one_route(Basis::LiveOverNoise)), failed);
}

#[test]
fn noise_that_was_never_measured_excuses_nothing_and_fails_nothing() {
    let policy = one_route(Basis::LiveOverNoise);
    assert!(matches!(
        counted(100, 100).verdict(&policy),
        Verdict::Insufficient { .. }
    ));
    assert!(matches!(
        counted(1_000, 0).verdict(&policy),
        Verdict::Insufficient { .. }
    ));
    assert_eq!(counted(100_000, 0).verdict(&policy), Verdict::Pass);
}

#[test]
fn too_many_pairs_left_out_fail_although_all_others_match() {
    let failed = Verdict::Fail {
        reason: FailReason::NotComparable,
    };
    let mut test = counted(100_000, 0);
    for _ in 0..20_000 {
        test.observe(Outcome::NotComparable);
    }
    assert_eq!(test.verdict(&live()), failed);
    let unanswered = RouteTest {
        unanswered: 20_000,
        ..counted(100_000, 0)
    };
    assert_eq!(unanswered.verdict(&live()), failed);
    assert_eq!(failed.exit_code(), 3);
    let replayed = RouteTest {
        not_comparable: 1,
        ..counted(10, 0)
    };
    assert_eq!(replayed.verdict(&one_route(Basis::Replay)), failed);
}

#[test]
fn a_few_pairs_left_out_by_chance_do_not_fail_live_traffic_but_hold_back_the_pass() {
    let test = RouteTest {
        not_comparable: 2,
        ..counted(20, 0)
    };
    assert!(matches!(
        test.verdict(&live()),
        Verdict::Insufficient { .. }
    ));
}

#[test]
fn overall_fails_before_it_is_insufficient_and_passes_only_together() {
    let policy = live();
    let tests = |tests: &[RouteTest]| {
        tests
            .iter()
            .enumerate()
            .map(|(i, test)| (format!("route {i}"), *test))
            .collect()
    };
    let of = |list: &[RouteTest]| overall(&judge(&policy, &tests(list)));
    let (pass, open, wrong) = (counted(1_000_000, 0), counted(5, 0), counted(0, 50));
    let blind = RouteTest {
        not_comparable: 5_000,
        ..counted(5, 0)
    };
    assert_eq!(of(&[pass, pass]).exit_code(), 0);
    assert_eq!(of(&[pass, open]).exit_code(), 2);
    assert_eq!(of(&[blind, open, pass]).exit_code(), 3);
    assert_eq!(of(&[blind, wrong, open, pass]).exit_code(), 1);
}

#[test]
fn more_routes_than_declared_share_the_error_rates() {
    let policy = one_route(Basis::Live);
    let clean = counted(3_800, 0);
    assert_eq!(clean.verdict(&policy), Verdict::Pass);
    let many = (0..40).map(|i| (format!("route {i:02}"), clean)).collect();
    assert!(matches!(
        overall(&judge(&policy, &many)),
        Verdict::Insufficient { .. }
    ));
}

#[test]
fn a_verdict_is_written_flat_and_read_back() {
    let judged = counted(5, 0).judge("v2-score", &live());
    let text = serde_json::to_string(&judged).unwrap();
    assert!(
        text.starts_with(r#"{"route":"v2-score","verdict":"insufficient","need_more":"#),
        "{text}"
    );
    let back: RouteVerdict = serde_json::from_str(&text).unwrap();
    assert_eq!((back.verdict, back.counts), (judged.verdict, judged.counts));
}

fn any_tally() -> impl Strategy<Value = Tally> {
    (0_u64..200_000, 0_u64..2_000).prop_map(|(clean, diverged)| Tally { clean, diverged })
}

fn any_test() -> impl Strategy<Value = RouteTest> {
    (any_tally(), any_tally(), 0_u64..50, 0_u64..50).prop_map(
        |(candidate, reference, not_comparable, unanswered)| RouteTest {
            candidate,
            reference,
            not_comparable,
            unanswered,
        },
    )
}

proptest! {
    #[test]
    fn replicas_add_up_to_one(outcomes in prop::collection::vec((0_u8..6, 0_usize..3), 0..200)) {
        let mut whole = RouteTest::default();
        let mut replicas = [RouteTest::default(); 3];
        for (kind, replica) in outcomes {
            for test in [&mut whole, &mut replicas[replica]] {
                match kind {
                    0 => test.observe(Outcome::Match),
                    1 => test.observe(Outcome::Tolerated),
                    2 => test.observe(Outcome::Diverged),
                    3 => test.observe(Outcome::NotComparable),
                    4 => test.observe_unanswered(),
                    _ => test.observe_reference(Outcome::Diverged),
                }
            }
        }
        let mut merged = RouteTest::default();
        replicas.iter().for_each(|replica| merged.merge(replica));
        prop_assert_eq!(merged, whole);
    }

    #[test]
    fn the_bounds_enclose_the_estimate_and_agree_with_the_verdict(
        test in any_test(),
        basis in prop::sample::select(vec![Basis::Live, Basis::LiveOverNoise]),
    ) {
        let policy = one_route(basis);
        let judged = test.judge("route", &policy);
        if let Some(estimate) = judged.excess.estimate {
            prop_assert!(judged.excess.lower <= estimate + 1e-9);
            prop_assert!(estimate <= judged.excess.upper + 1e-9);
        }
        match judged.verdict {
            Verdict::Pass => prop_assert!(judged.excess.upper <= policy.margin.get() + 1e-9),
            Verdict::Fail { reason: FailReason::Diverged } =>
                prop_assert!(judged.excess.lower >= policy.margin.get() - 1e-9),
            _ => {}
        }
    }

    #[test]
    fn a_divergence_never_helps_to_pass(test in any_test()) {
        let policy = one_route(Basis::Live);
        let mut worse = test;
        worse.observe(Outcome::Diverged);
        if worse.verdict(&policy) == Verdict::Pass {
            prop_assert_eq!(test.verdict(&policy), Verdict::Pass);
        }
    }

    #[test]
    fn evidence_is_finite_for_any_counts(
        candidate in (0_u64..1 << 40, 0_u64..1 << 40),
        reference in (0_u64..1 << 40, 0_u64..1 << 40),
    ) {
        let test = RouteTest {
            candidate: Tally { clean: candidate.0, diverged: candidate.1 },
            reference: Tally { clean: reference.0, diverged: reference.1 },
            ..RouteTest::default()
        };
        for basis in [Basis::Live, Basis::LiveOverNoise] {
            let Evidence { ln_pass, ln_fail } = test.evidence(&one_route(basis));
            prop_assert!(ln_pass.is_finite() && ln_fail.is_finite());
            prop_assert!(ln_pass <= 1e-2 || ln_fail <= 1e-2, "evidence against both: {ln_pass} {ln_fail}");
        }
    }
}
