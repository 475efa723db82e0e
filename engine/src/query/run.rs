//! Carrying out a plan: candidates in batches, their rows read together, checked, ordered, cut.

use alloc::vec::Vec;

use super::{
    Position, Query, Row,
    plan::Plan,
    walk::{Candidate, Walk, World},
};
use crate::sort::sort_by;
use crate::store::{Direction, KeyRange, TreeError};

/// Rows are read together, so that their pages are fetched in one go; a walk that may stop
/// early begins with few.
const BATCH_ROWS_MIN: usize = 64;
const BATCH_ROWS_MAX: usize = 8192;

/// A query on its way. Where pages lack, [`advance`](Self::advance) says which, keeps what it
/// has, and goes on when it is called again.
#[derive(Debug)]
pub struct Execution<R> {
    query: Query,
    plan: Plan,
    after: Option<Position>,
    walk: Walk,
    candidates: Vec<Candidate>,
    batch_rows: usize,
    is_walked: bool,
    found: Vec<R>,
}

impl<R: Row> Execution<R> {
    /// Prepares a plan. `after`: where the row stood that the query goes on after.
    pub fn new<W: World<Row = R>>(
        query: Query,
        mut plan: Plan,
        after: Option<Position>,
        world: &W,
    ) -> Self {
        let mut group = None;
        if let (true, Some(position)) = (plan.is_ordered, &after) {
            group = start_after(&mut plan, &query, position);
        }
        let mut walk = Walk::new(&plan);
        if let Some(group) = group {
            walk.begin_in_group(world, group);
        }
        let batch_rows = match query.limit {
            Some(limit) if plan.stops_early(&query) => limit.clamp(BATCH_ROWS_MIN, BATCH_ROWS_MAX),
            _ => BATCH_ROWS_MAX,
        };
        Self {
            query,
            plan,
            after,
            walk,
            candidates: Vec::new(),
            batch_rows,
            is_walked: false,
            found: Vec::new(),
        }
    }

    /// Goes on to the end.
    ///
    /// # Errors
    /// [`TreeError`] until all pages are at hand; then call it again.
    pub fn advance<W: World<Row = R>>(&mut self, world: &W) -> Result<Vec<R>, TreeError> {
        while !(self.is_full() || self.is_walked && self.candidates.is_empty()) {
            self.gather(world)?;
            self.take_rows(world)?;
            self.batch_rows = (self.batch_rows * 2).min(BATCH_ROWS_MAX);
        }
        Ok(self.settle())
    }

    /// Whether no further row can be among the answers.
    fn is_full(&self) -> bool {
        self.plan.is_ordered
            && self
                .query
                .limit
                .is_some_and(|limit| self.found.len() >= limit)
    }

    fn gather<W: World<Row = R>>(&mut self, world: &W) -> Result<(), TreeError> {
        while !self.is_walked && self.candidates.len() < self.batch_rows {
            match self.walk.next(world)? {
                Some(candidate) => self.candidates.push(candidate),
                None => self.is_walked = true,
            }
        }
        Ok(())
    }

    fn take_rows<W: World<Row = R>>(&mut self, world: &W) -> Result<(), TreeError> {
        let rows = world.rows(&self.candidates)?;
        self.candidates.clear();
        let residual = &self.plan.residual;
        let fits = |row: &R| residual.iter().all(|filter| filter.matches(row));
        self.found.extend(rows.into_iter().flatten().filter(fits));
        Ok(())
    }

    /// Puts what was found in order, if the walk did not, and cuts it.
    fn settle(&mut self) -> Vec<R> {
        let mut rows = core::mem::take(&mut self.found);
        if !self.plan.is_ordered {
            let query = &self.query;
            let after = self.after.as_ref();
            let mut keyed: Vec<(Position, R)> = rows
                .into_iter()
                .map(|row| (query.position(&row), row))
                .filter(|(position, _)| after.is_none_or(|after| position > after))
                .collect();
            sort_by(&mut keyed, |(one, _), (other, _)| one.cmp(other));
            rows = keyed.into_iter().map(|(_, row)| row).collect();
        }
        if let Some(limit) = self.query.limit {
            rows.truncate(limit);
        }
        rows
    }
}

/// Cuts the ranges to what comes after a position. Where ties are turned, the rest of the
/// position's own group is answered apart.
fn start_after(plan: &mut Plan, query: &Query, position: &Position) -> Option<KeyRange> {
    let key = plan.key_of(query, position)?;
    if !plan.turns_ties {
        plan.cut(&key, plan.direction);
        return None;
    }
    let fields = key[..key.len() - position.key().len()].to_vec();
    let group = KeyRange::prefix(&fields);
    let is_wanted = plan.ranges.iter().any(|range| range.contains(&key));
    plan.cut(&fields, Direction::Descending);
    is_wanted.then(|| group.past(&key, Direction::Ascending))
}
