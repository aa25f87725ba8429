//! refcon and its peer, where that runs, taking turns at one work after the other.

use crate::measure::{Medians, Side, alternate, time};
use crate::outcome::{Better, Outcome, Report};
use crate::peers::Peer;
use crate::{Failure, Settings};
use std::cell::RefCell;

/// Both sides of a comparison, and where its outcomes go.
pub(crate) struct Sides<'a> {
    pub settings: &'a Settings,
    pub report: &'a mut Report,
    pub peer: Option<Peer>,
    /// Who the peer would be, where it does not run.
    pub peer_name: &'static str,
}

impl Sides<'_> {
    /// Times `ours`, which returns the number to check, and what the peer knows as `key`; reports seconds.
    ///
    /// # Errors
    /// A side fails, or they did different work.
    pub(crate) fn compare(
        &mut self,
        work: &str,
        key: &str,
        mut ours: impl FnMut() -> Result<f64, Failure>,
    ) -> Result<(), Failure> {
        let Some((medians, peers)) = self.measure(work, key, &mut || time(&mut ours))? else { return Ok(()) };
        for (peer, seconds) in peers {
            self.report.add(&Outcome::new(work, (medians.ours, "s", Better::Lower), peer, seconds))?;
        }
        Ok(())
    }

    /// As [`Sides::compare`], of a work of so much (of `unit` times seconds); reports rates, and where seconds are known
    /// that no program can beat, the share of that limit.
    ///
    /// # Errors
    /// As [`Sides::compare`].
    pub(crate) fn compare_rates(
        &mut self,
        work: &str,
        key: &str,
        (amount, unit): (f64, &'static str),
        ours: &mut Side,
        limit: impl FnOnce() -> Option<f64>,
    ) -> Result<(), Failure> {
        let Some((medians, peers)) = self.measure(work, key, ours)? else { return Ok(()) };
        let limit_share = limit().map(|seconds| seconds / medians.ours);
        let value = (amount / medians.ours, unit, Better::Higher);
        for (peer, seconds) in peers {
            let outcome = Outcome::new(work, value, peer, seconds.map(|seconds| amount / seconds));
            self.report.add(&Outcome { limit_share, ..outcome })?;
        }
        Ok(())
    }

    /// Medians, and the seconds of each of the peer's ways by its name; `None` for a work that was not asked for.
    fn measure(&mut self, work: &str, key: &str, ours: &mut Side) -> Result<Option<Measured>, Failure> {
        if !work.contains(&self.settings.only) {
            return Ok(None);
        }
        let runs = self.settings.runs;
        let Some(peer) = &mut self.peer else {
            let medians = alternate(work, runs, ours, &mut [])?;
            return Ok(Some((medians, vec![(self.peer_name.to_owned(), None)])));
        };
        let ways = peer.ways(key)?;
        let names = ways.iter().map(|way| format!("{}: {way}", peer.name()));
        let names: Vec<String> = names.collect();
        let peer = RefCell::new(peer);
        let mut theirs: Vec<Box<Side>> = Vec::new();
        for way in &ways {
            theirs.push(Box::new(|| peer.borrow_mut().run(key, way)));
        }
        let medians = alternate(work, runs, ours, &mut theirs)?;
        let peers = names.into_iter().zip(medians.theirs.iter().copied().map(Some)).collect();
        Ok(Some((medians, peers)))
    }
}

/// Medians, and the peer's name with its seconds for each of its ways.
type Measured = (Medians, Vec<(String, Option<f64>)>);
