//! Reading a query as apps write it:
//! `{"where":{"done":false,"priority":{"gte":3}},"orderBy":["-updated"],"limit":50,"after":"…"}`.
//! What it does not understand it refuses by name, rather than find the wrong records.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use tidemark_protocol::Timestamp;

use super::{
    Order, Query,
    field::{Field, append_millis},
    filter::{Filter, Test},
    order,
};
use crate::json::{Canonical, CanonicalRef, JsonError, Kind};
use crate::sort::sort_by;

/// What is wrong with a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The text is not JSON.
    #[error("the query cannot be read: {0}")]
    Json(#[from] JsonError),
    /// A part of the query has the wrong type.
    #[error("`{0}` in a query must be {1}")]
    Shape(&'static str, &'static str),
    /// The query has a member that means nothing.
    #[error("a query has no `{0}`; it has where, orderBy, limit and after")]
    Member(String),
    /// A field is asked for something that means nothing.
    #[error(
        "`where.{0}` has no operator `{1}`; there are eq, ne, gt, gte, lt, lte, in, startsWith and exists; to compare with an object use eq"
    )]
    Operator(String, String),
    /// An operator got an operand of the wrong type.
    #[error("`where.{0}`: {1} takes {2}")]
    Operand(String, String, &'static str),
    /// The row to go on after was never seen by this query and is not in the store.
    #[error("`after`: there is no record `{0}`, and no earlier answer to this query ended with it")]
    After(String),
}

impl Query {
    /// Reads a query from JSON text; the empty text asks for everything.
    ///
    /// # Errors
    /// Whatever the query holds that is not understood.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let canonical = Canonical::parse(text)?;
        let root = canonical.borrow();
        if !root.is_object() {
            return Err(QueryError::Shape("query", "an object"));
        }
        let mut query = Self::default();
        for (name, member) in root.fields() {
            match name.as_ref() {
                "where" => query.filters = read_where(member)?,
                "orderBy" => query.order = read_order(member)?,
                "limit" => query.limit = Some(read_limit(member)?),
                "after" => {
                    let key = member
                        .as_text()
                        .ok_or(QueryError::Shape("after", "a key"))?;
                    query.after = Some(key.into_owned());
                }
                other => return Err(QueryError::Member(other.to_string())),
            }
        }
        Ok(query)
    }
}

fn read_limit(member: CanonicalRef<'_>) -> Result<usize, QueryError> {
    const WANTED: QueryError = QueryError::Shape("limit", "a whole number, 0 or more");
    if member.kind() != Kind::Number {
        return Err(WANTED);
    }
    member
        .as_str()
        .parse::<u32>()
        .map(|limit| limit as usize)
        .map_err(|_| WANTED)
}

fn read_order(member: CanonicalRef<'_>) -> Result<Vec<Order>, QueryError> {
    const WANTED: QueryError = QueryError::Shape(
        "orderBy",
        "a list of field names, each with `-` before it to descend",
    );
    if member.kind() != Kind::Array {
        return Err(WANTED);
    }
    let mut orders: Vec<Order> = Vec::new();
    for element in member.elements() {
        let name = element.as_text().ok_or(WANTED)?;
        let (name, descending) = match name.strip_prefix('-') {
            Some(name) => (name, true),
            None => (name.as_ref(), false),
        };
        let field = Field::named(name);
        if orders.iter().any(|order| order.field == field) {
            continue;
        }
        let is_key = field == Field::Key;
        orders.push(Order { field, descending });
        if is_key {
            // Keys differ: nothing after one can decide anything.
            break;
        }
    }
    Ok(orders)
}

fn read_where(member: CanonicalRef<'_>) -> Result<Vec<Filter>, QueryError> {
    if !member.is_object() {
        return Err(QueryError::Shape("where", "an object of field names"));
    }
    let mut filters = Vec::new();
    for (name, wanted) in member.fields() {
        let field = Field::named(&name);
        if wanted.is_object() {
            read_operators(&field, wanted, &mut filters)?;
        } else {
            let test = Test::Equal(operand(&field, "eq", wanted)?);
            filters.push(Filter { field, test });
        }
    }
    Ok(filters)
}

fn read_operators(
    field: &Field,
    operators: CanonicalRef<'_>,
    filters: &mut Vec<Filter>,
) -> Result<(), QueryError> {
    let before = filters.len();
    for (operator, value) in operators.fields() {
        let one = || operand(field, &operator, value);
        let test = match operator.as_ref() {
            "eq" => Test::Equal(one()?),
            "ne" => Test::NotEqual(one()?),
            "gt" => Test::Greater(one()?),
            "gte" => Test::GreaterOrEqual(one()?),
            "lt" => Test::Less(one()?),
            "lte" => Test::LessOrEqual(one()?),
            "in" => read_in(field, value)?,
            "startsWith" => read_starts_with(field, value)?,
            "exists" => {
                let wanted = value.as_bool();
                Test::Exists(wanted.ok_or_else(|| wrong(field, "exists", "true or false"))?)
            }
            other => return Err(QueryError::Operator(field.to_string(), other.to_string())),
        };
        filters.push(Filter {
            field: field.clone(),
            test,
        });
    }
    if filters.len() == before {
        return Err(QueryError::Operator(field.to_string(), "{}".to_string()));
    }
    Ok(())
}

fn read_in(field: &Field, value: CanonicalRef<'_>) -> Result<Test, QueryError> {
    if value.kind() != Kind::Array {
        return Err(wrong(field, "in", "a list"));
    }
    let mut operands = Vec::new();
    for element in value.elements() {
        operands.push(operand(field, "in", element)?);
    }
    sort_by(&mut operands, Vec::cmp);
    operands.dedup();
    Ok(Test::In(operands))
}

fn read_starts_with(field: &Field, value: CanonicalRef<'_>) -> Result<Test, QueryError> {
    let text = value
        .as_text()
        .ok_or_else(|| wrong(field, "startsWith", "a string"))?;
    if field.is_time() {
        return Err(wrong(
            field,
            "startsWith",
            "a field that holds strings, not a time",
        ));
    }
    let mut beginning = Vec::new();
    order::append_text(&mut beginning, &text);
    beginning.pop();
    Ok(Test::StartsWith(beginning))
}

/// The encoding of an operand; of a time, whatever form it is written in.
fn operand(field: &Field, operator: &str, value: CanonicalRef<'_>) -> Result<Vec<u8>, QueryError> {
    let mut bytes = Vec::new();
    if field.is_time() {
        let time = value
            .as_text()
            .and_then(|text| Timestamp::parse(&text).ok());
        let time =
            time.ok_or_else(|| wrong(field, operator, "a time, like 2026-11-22T04:41:01Z"))?;
        append_millis(&mut bytes, time.millis());
    } else {
        order::append(&mut bytes, Some(value));
    }
    Ok(bytes)
}

fn wrong(field: &Field, operator: &str, wanted: &'static str) -> QueryError {
    QueryError::Operand(field.to_string(), operator.to_string(), wanted)
}
