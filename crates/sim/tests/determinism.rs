//! One seed is one run: whatever the seed makes go wrong goes wrong again at the same moment, so a failure found once
//! can be looked at as often as needed. Different seeds are different runs.

use std::collections::BTreeSet;

use tidegate_sim::run;

#[test]
fn a_seed_gives_the_same_run_twice() {
    for seed in [3, 1_000_003, u64::MAX] {
        assert_eq!(run(seed, false), run(seed, false), "seed {seed}");
    }
}

#[test]
fn seeds_are_different_runs() {
    let traces: BTreeSet<u64> = (0..4).map(|seed| run(seed, false).trace).collect();
    assert_eq!(traces.len(), 4);
}
