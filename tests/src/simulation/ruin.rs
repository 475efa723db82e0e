//! Damage by hand to the truth's tables, of the kinds that `tidemark verify` promises to tell of,
//! and the row put back as it was: what an operator does who has a backup.

use sqlx::{AssertSqlSafe, Row, SqliteConnection, raw_sql};

use super::random::Random;

/// A kind of damage: a table, which of its rows it can befall, and what it does to one.
struct Kind {
    what: &'static str,
    table: &'static str,
    /// Of a row `it`.
    befalls: &'static str,
    /// The row's own names.
    names: &'static [&'static str],
    /// What is set; empty: the row is gone.
    sets: &'static str,
}

const VERSION: &[&str] = &["datastore", "key", "checkin"];

const KINDS: [Kind; 10] = [
    Kind {
        what: "a value is another",
        table: "version",
        befalls: "value like '%\"T%'",
        names: VERSION,
        sets: "value = replace(value, '\"T', '\"X')",
    },
    Kind {
        what: "a value is no JSON any more",
        table: "version",
        befalls: "value is not null and superseded is null",
        names: VERSION,
        sets: "value = substr(value, 2)",
    },
    Kind {
        what: "a record's fingerprint is another",
        table: "version",
        befalls: "fingerprint is not null and superseded is null",
        names: VERSION,
        sets: "fingerprint = iif(fingerprint like '0%', '1', '0') || substr(fingerprint, 2)",
    },
    Kind {
        what: "a live version is gone",
        table: "version",
        befalls: "deleted = 0 and superseded is null",
        names: VERSION,
        sets: "",
    },
    Kind {
        what: "a live version is superseded",
        table: "version",
        befalls: "deleted = 0 and superseded is null",
        names: VERSION,
        sets: "superseded = checkin + 1",
    },
    Kind {
        what: "stamps cannot be read",
        table: "version",
        befalls: "superseded is null",
        names: VERSION,
        sets: "stamps = '{'",
    },
    Kind {
        what: "a name leads to another key",
        table: "local_key",
        befalls: "key is not null",
        names: &["datastore", "local_id"],
        sets: "key = '01890000-0000-7000-8000-000000000000'",
    },
    Kind {
        what: "the datastore's fingerprint is another",
        table: "datastore",
        befalls: "1",
        names: &["id"],
        sets: "fingerprint = iif(fingerprint like '0%', '1', '0') || substr(fingerprint, 2)",
    },
    Kind {
        what: "records are counted wrongly",
        table: "datastore",
        befalls: "1",
        names: &["id"],
        sets: "live = live + 1",
    },
    Kind {
        what: "the newest commit is gone",
        table: "commits",
        befalls: "checkin = (select head from datastore where id = it.datastore)",
        names: &["datastore", "checkin"],
        sets: "",
    },
];

/// Damage that was done, and the row as it was before.
pub(super) struct Ruin {
    kind: &'static Kind,
    /// Where the row is, in SQL.
    row: String,
}

impl Ruin {
    /// Damages a row; `None`: there is none of the kind that chance wanted.
    pub(super) async fn cause(connection: &mut SqliteConnection, random: &Random) -> Option<Self> {
        let kind = &KINDS[random.below(KINDS.len())];
        let (table, befalls) = (kind.table, kind.befalls);
        let names = kind.names.iter().map(|name| {
            // As text: a checkin and a key are found by it alike.
            format!("'{name} = ' || quote({name})")
        });
        let names = names.collect::<Vec<_>>().join(" || ' and ' || ");
        let select = format!("select {names} as place from {table} it where {befalls} order by 1");
        let rows = sqlx::query(AssertSqlSafe(select))
            .fetch_all(&mut *connection)
            .await
            .expect("the tables can be read");
        if rows.is_empty() {
            return None;
        }
        let row = rows[random.below(rows.len())].get("place");
        let ruin = Self { kind, row };
        let does = match kind.sets {
            "" => format!("delete from {table} where {}", ruin.row),
            sets => format!("update {table} set {sets} where {}", ruin.row),
        };
        let keeps = format!(
            "create temp table as_it_was as select * from {table} where {}",
            ruin.row
        );
        ruin.run(connection, &format!("{keeps}; {does}")).await;
        Some(ruin)
    }

    pub(super) fn what(&self) -> String {
        format!("{} where {}", self.kind.what, self.row)
    }

    /// Puts the row back.
    pub(super) async fn mend(&self, connection: &mut SqliteConnection) {
        let (table, row) = (self.kind.table, &self.row);
        let script = format!(
            "delete from {table} where {row}; insert into {table} select * from as_it_was; \
             drop table as_it_was"
        );
        self.run(connection, &script).await;
    }

    async fn run(&self, connection: &mut SqliteConnection, script: &str) {
        raw_sql(AssertSqlSafe(script.to_owned()))
            .execute(connection)
            .await
            .expect("a row can be changed");
    }
}
