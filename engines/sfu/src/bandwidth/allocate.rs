//! Sharing one subscriber's target out among what is shown to it.
//!
//! Everything gets its smallest layer before anything gets a larger one; what is looked at most goes first
//! in both. Down at once, up only after some time in which there was headroom, and after longer each time
//! it did not last. Audio is not in here: it always gets through.

use std::cmp::Reverse;

use super::{Bitrate, Micros};

/// One layer that a track offers within what the viewer wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerChoice {
    /// What it uses as measured, with everything that it depends on.
    pub(crate) bitrate: Bitrate,
}

/// How closely something is looked at; the first is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attention {
    /// A shared screen: unreadable is useless.
    Screen,
    /// The large tile.
    Focus,
    /// Who is speaking.
    Speaker,
    /// Anyone else.
    Other,
}

/// A slot that shows video.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand<'a> {
    /// Tells slots apart, and a slot's contents over time.
    pub(crate) key: (usize, usize),
    /// The viewer's own word: the higher number goes first.
    pub(crate) priority: u8,
    /// Decides among equals.
    pub(crate) attention: Attention,
    /// From the least to the best that is wished for.
    pub(crate) layers: &'a [LayerChoice],
}

impl Demand<'_> {
    fn rank(&self) -> (Reverse<u8>, Attention) {
        (Reverse(self.priority), self.attention)
    }
}

/// What there is to share out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// For everything.
    pub(crate) target: Bitrate,
    /// For the smallest layers alone, at least the target: losses make a picture smaller, but do not end it.
    pub(crate) least: Bitrate,
}

impl Budget {
    fn times(self, factor: f64) -> Self {
        Self { target: self.target.times(factor), least: self.least.times(factor) }
    }
}

/// What a slot gets: the index of a layer, or nothing.
pub(crate) type Share = Option<usize>;

/// Going up needs this much more than it costs.
const HEADROOM: f64 = 1.15;
/// And that for this long; doubled up to the longest each time it did not last.
const HOLD: Micros = 1_000_000;
const LONGEST_HOLD: Micros = 60_000_000;
/// Without any picture nobody waits longer than this.
const LONGEST_DARK: Micros = 20_000_000;
/// With this much more than it costs the link is another one: the long hold is over.
const AMPLE: f64 = 1.6;
/// A step up that is taken back within this time did not last.
const REGRET: Micros = 8_000_000;
/// A stream may exceed its measured bitrate by this much before it is taken down.
const TOLERANCE: f64 = 1.05;
/// One overuse takes a rate down by a seventh or so: what this much more would carry is not ended before this time is
/// over, as the rate may be back by then.
const DIP: f64 = 1.4;
const DIP_TIME: Micros = 2_000_000;

struct Standing {
    key: (usize, usize),
    share: Share,
    /// How many layers there were to choose from.
    offered: usize,
    /// More would have fitted since then.
    fits_since: Option<Micros>,
    /// The smallest layer does not fit since then, but is still sent.
    dips_since: Option<Micros>,
    hold: Micros,
    raised: Option<Micros>,
}

impl Standing {
    /// Keeps the smallest layer through a dip: `dip` is what would be without it.
    fn ride_out(&mut self, share: Share, dip: Share, now: Micros) -> Share {
        if share.is_some() || self.share.is_none() || dip.is_none() {
            self.dips_since = None;
            return share;
        }
        let since = *self.dips_since.get_or_insert(now);
        if now - since < DIP_TIME { Some(0) } else { None }
    }
}

/// What each slot of a subscriber gets, over time.
#[derive(Default)]
pub(crate) struct Allocator {
    standings: Vec<Standing>,
    /// Reused from one run to the next.
    order: Vec<usize>,
    shares: Vec<Share>,
    /// What would be with another budget.
    others: Vec<Share>,
}

impl Allocator {
    /// Shares the budget out; afterwards [`Allocator::share`] says what each demand gets.
    /// Demands that are not in the list any more are forgotten.
    pub(crate) fn run(&mut self, demands: &[Demand<'_>], budget: Budget, now: Micros) {
        self.standings.retain(|standing| demands.iter().any(|demand| demand.key == standing.key));
        self.order.clear();
        self.order.extend(0..demands.len());
        self.order.sort_by_key(|at| demands.get(*at).map(|demand| (demand.rank(), demand.key)));
        for demand in demands {
            let offered = demand.layers.len();
            let known = self.standings.iter_mut().find(|standing| standing.key == demand.key);
            let grew = match known {
                // A larger tile does not wait, unless what it was given lately did not last.
                Some(standing) => {
                    std::mem::replace(&mut standing.offered, offered) < offered && standing.hold == HOLD
                }
                None => {
                    self.standings.push(Standing {
                        key: demand.key,
                        share: None,
                        offered,
                        fits_since: None,
                        dips_since: None,
                        hold: HOLD,
                        raised: None,
                    });
                    true
                }
            };
            if grew {
                self.begin(demands, demand.key, budget);
            }
        }
        self.lower(demands, budget, now);
        self.raise(demands, budget, now);
    }

    /// The target was measured for the first time: everything may go up without waiting, once.
    pub(crate) fn begin_anew(&mut self) {
        self.standings.iter_mut().for_each(|standing| standing.offered = 0);
    }

    /// What this demand gets.
    pub(crate) fn share(&self, key: (usize, usize)) -> Share {
        self.standing(key).and_then(|standing| standing.share)
    }

    fn standing(&self, key: (usize, usize)) -> Option<&Standing> {
        self.standings.iter().find(|standing| standing.key == key)
    }

    /// Something new starts at once with what fits beside the others.
    fn begin(&mut self, demands: &[Demand<'_>], key: (usize, usize), budget: Budget) {
        self.allot(demands, budget, |standings, demand| {
            let held = standings.iter().find(|standing| standing.key == demand.key)?.share;
            if demand.key == key { demand.layers.len().checked_sub(1) } else { held }
        });
        let at = demands.iter().position(|demand| demand.key == key);
        let share = at.and_then(|at| self.shares.get(at).copied()).flatten();
        if let Some(standing) = self.standings.iter_mut().find(|standing| standing.key == key) {
            standing.share = share;
        }
    }

    /// What does not fit any more goes down now.
    fn lower(&mut self, demands: &[Demand<'_>], budget: Budget, now: Micros) {
        self.allot(demands, budget.times(DIP), |standings, demand| {
            standings.iter().find(|standing| standing.key == demand.key)?.share.map(|_| 0)
        });
        std::mem::swap(&mut self.shares, &mut self.others);
        self.allot(demands, budget.times(TOLERANCE), |standings, demand| {
            let held = standings.iter().find(|standing| standing.key == demand.key)?.share?;
            // A layer may have gone away, or be wished for no more.
            Some(held.min(demand.layers.len().checked_sub(1)?))
        });
        let Self { standings, shares, others, .. } = self;
        for ((demand, share), dip) in demands.iter().zip(shares.iter()).zip(others.iter()) {
            let Some(standing) = standings.iter_mut().find(|standing| standing.key == demand.key) else {
                continue;
            };
            let share = &standing.ride_out(*share, *dip, now);
            let is_regret = standing.raised.is_some_and(|raised| now - raised < REGRET);
            let wished_for = demand.layers.len().checked_sub(1);
            if *share < standing.share.min(wished_for) && is_regret {
                standing.hold = (standing.hold * 2).min(LONGEST_HOLD);
                standing.raised = None;
            }
            if *share != standing.share {
                standing.fits_since = None;
                standing.share = *share;
            }
        }
    }

    /// What has fitted with headroom for long enough goes up.
    fn raise(&mut self, demands: &[Demand<'_>], budget: Budget, now: Micros) {
        self.allot(demands, budget.times(1.0 / AMPLE), |_, demand| demand.layers.len().checked_sub(1));
        std::mem::swap(&mut self.shares, &mut self.others);
        self.allot(demands, budget.times(1.0 / HEADROOM), |_, demand| demand.layers.len().checked_sub(1));
        let Self { standings, shares, others, .. } = self;
        for ((demand, share), ample) in demands.iter().zip(shares.iter()).zip(others.iter()) {
            let Some(standing) = standings.iter_mut().find(|standing| standing.key == demand.key) else {
                continue;
            };
            if standing.raised.is_some_and(|raised| now - raised >= REGRET) {
                // It lasted.
                standing.raised = None;
                standing.hold = HOLD;
            }
            if *share <= standing.share {
                standing.fits_since = None;
                continue;
            }
            let since = *standing.fits_since.get_or_insert(now);
            let hold = match standing.share {
                _ if ample >= share => HOLD,
                None => standing.hold.min(LONGEST_DARK),
                Some(_) => standing.hold,
            };
            if now - since >= hold {
                standing.share = *share;
                standing.raised = Some(now);
                standing.fits_since = None;
            }
        }
    }

    /// Fills `shares`: the smallest layers first, then step by step, each demand up to its `limit`.
    fn allot(
        &mut self,
        demands: &[Demand<'_>],
        budget: Budget,
        limit: impl Fn(&[Standing], &Demand<'_>) -> Share,
    ) {
        let Self { standings, order, shares, .. } = self;
        shares.clear();
        shares.resize(demands.len(), None);
        let mut used = Bitrate::ZERO;
        let mut step = |at: usize, most: Bitrate, shares: &mut Vec<Share>| -> bool {
            let (Some(demand), Some(share)) = (demands.get(at), shares.get_mut(at)) else { return false };
            let next = share.map_or(0, |share| share + 1);
            let (Some(limit), Some(layer)) = (limit(standings, demand), demand.layers.get(next)) else {
                return false;
            };
            let held = share.and_then(|share| demand.layers.get(share)).map_or(Bitrate::ZERO, |l| l.bitrate);
            let cost = layer.bitrate.saturating_sub(held);
            if next > limit || used + cost > most {
                return false;
            }
            used = used + cost;
            *share = Some(next);
            true
        };
        for &at in order.iter() {
            step(at, budget.least, shares);
        }
        let rank = |at: usize| demands.get(at).map(Demand::rank);
        for class in order.chunk_by(|one, other| rank(*one) == rank(*other)) {
            // Together, so that none of them is far ahead of another.
            while class.iter().fold(false, |any, &at| {
                let is_shown = shares.get(at).is_some_and(Option::is_some);
                (is_shown && step(at, budget.target, shares)) || any
            }) {}
        }
    }
}

/// What everything needs to be seen at all.
pub(crate) fn least(demands: &[Demand<'_>]) -> Bitrate {
    let least: Bitrate = demands.iter().filter_map(|demand| demand.layers.first()).map(|l| l.bitrate).sum();
    least.times(TOLERANCE)
}

/// What would be sent if there were enough, with the headroom that going up needs.
pub(crate) fn wanted(demands: &[Demand<'_>]) -> Bitrate {
    let best: Bitrate = demands.iter().filter_map(|demand| demand.layers.last()).map(|l| l.bitrate).sum();
    best.times(HEADROOM * TOLERANCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYERS: [LayerChoice; 3] = [
        LayerChoice { bitrate: Bitrate::kbps(150) },
        LayerChoice { bitrate: Bitrate::kbps(500) },
        LayerChoice { bitrate: Bitrate::kbps(1_500) },
    ];

    fn demand(key: usize, attention: Attention) -> Demand<'static> {
        Demand { key: (key, 0), attention, priority: 0, layers: &LAYERS }
    }

    fn budget(kilobits: u64) -> Budget {
        Budget { target: Bitrate::kbps(kilobits), least: Bitrate::kbps(kilobits) }
    }

    /// One run each 100 ms; the shares of the demands whenever they change.
    fn timeline(demands: &[Demand<'_>], target: impl Fn(i64) -> u64, runs: i64) -> Vec<(i64, Vec<Share>)> {
        let mut allocator = Allocator::default();
        let mut seen: Vec<(i64, Vec<Share>)> = Vec::new();
        for run in 0..runs {
            allocator.run(demands, budget(target(run)), run * 100_000);
            let shares: Vec<Share> = demands.iter().map(|demand| allocator.share(demand.key)).collect();
            if seen.last().is_none_or(|(_, before)| *before != shares) {
                seen.push((run * 100, shares));
            }
        }
        seen
    }

    #[test]
    fn everyone_is_seen_before_anyone_is_seen_well_and_the_screen_goes_first() {
        let demands =
            [demand(1, Attention::Other), demand(2, Attention::Screen), demand(3, Attention::Focus)];
        let shares = |kilobits| timeline(&demands, |_| kilobits, 30).pop().map(|(_, shares)| shares);
        assert_eq!(shares(100), Some(vec![None, None, None]));
        assert_eq!(shares(350), Some(vec![None, Some(0), Some(0)]));
        let said = [Demand { priority: 1, ..demands[0] }, demands[1], demands[2]];
        let shares_then = timeline(&said, |_| 350, 30).pop().map(|(_, shares)| shares);
        assert_eq!(shares_then, Some(vec![Some(0), Some(0), None]), "what the viewer says counts most");
        assert_eq!(shares(500), Some(vec![Some(0), Some(0), Some(0)]));
        assert_eq!(shares(2_200), Some(vec![Some(0), Some(2), Some(1)]));
        assert_eq!(shares(10_000), Some(vec![Some(2), Some(2), Some(2)]));
    }

    #[test]
    fn down_is_at_once_and_up_after_a_hold_with_headroom() {
        let demands = [demand(1, Attention::Other)];
        let target = |run| match run {
            0..20 => 1_600,
            20..40 => 400,
            // Enough for the middle layer, but without headroom.
            40..60 => 510,
            _ => 600,
        };
        let seen = timeline(&demands, target, 200);
        let expected = [(0, Some(2)), (2_000, Some(0)), (7_000, Some(1))];
        assert_eq!(seen, expected.map(|(at, share)| (at, vec![share])));
    }

    #[test]
    fn a_target_that_swings_around_a_layer_makes_it_change_ever_more_rarely() {
        let demands = [demand(1, Attention::Other)];
        // Two and a half seconds above, half a second below, for two minutes: forty swings.
        let target = |run: i64| if run % 30 < 25 { 2_000 } else { 1_000 };
        let seen = timeline(&demands, target, 1_200);
        assert!(seen.len() <= 6, "{seen:?}");
        // Noise within the tolerance changes nothing at all.
        let noise = |run: i64| [1_500, 1_560, 1_440, 1_530, 1_430][(run % 5) as usize];
        assert_eq!(timeline(&demands, noise, 1_000).len(), 1);
    }

    #[test]
    fn the_only_layer_rides_out_a_dip_and_ends_when_it_lasts_or_is_deep() {
        let demands = [Demand { layers: &LAYERS[2..], ..demand(1, Attention::Other) }];
        let target = |run| match run {
            20..30 => 1_200,
            60..100 => 1_200,
            140 => 900,
            _ => 2_000,
        };
        let seen = timeline(&demands, target, 150);
        let expected = [(0, Some(0)), (8_000, None), (11_000, Some(0)), (14_000, None)];
        assert_eq!(seen, expected.map(|(at, share)| (at, vec![share])));
    }

    #[test]
    fn losses_make_a_picture_smaller_but_do_not_end_it() {
        let mut allocator = Allocator::default();
        let budget = Budget { target: Bitrate::kbps(100), least: Bitrate::kbps(2_000) };
        allocator.run(&[demand(1, Attention::Other)], budget, 0);
        assert_eq!(allocator.share((1, 0)), Some(0));
    }

    #[test]
    fn what_is_not_shown_any_more_frees_its_share_and_lost_layers_are_left() {
        let mut allocator = Allocator::default();
        let both = [demand(1, Attention::Other), demand(2, Attention::Other)];
        allocator.run(&both, budget(1_000), 0);
        assert_eq!((allocator.share((1, 0)), allocator.share((2, 0))), (Some(1), Some(1)));
        let one = Demand { layers: &LAYERS[..1], ..both[0] };
        allocator.run(&[one], budget(1_000), 100_000);
        assert_eq!((allocator.share((1, 0)), allocator.share((2, 0))), (Some(0), None));
        allocator.run(&[Demand { layers: &[], ..one }], budget(1_000), 200_000);
        assert_eq!(allocator.share((1, 0)), None);
    }
}
