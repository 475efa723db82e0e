//! The tests that every disk of pages must pass, one function a rule of [`Pages`].
//!
//! A back-end gives something that opens handles on one fresh store ([`Backend`]) and
//! names its test attribute to [`pages_conformance!`](crate::pages_conformance); three
//! lines, and it runs them all.
#![expect(
    clippy::missing_panics_doc,
    reason = "each of these functions is a test"
)]

use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::future::Future;

use super::port::{Commit, Committed, PageId, Pages, PagesError, Revision};

/// One fresh, empty store that can be opened any number of times.
pub trait Backend {
    /// The handles it gives.
    type Pages: Pages;

    /// Opens another handle on the store, as another tab would.
    fn open(&self) -> impl Future<Output = Self::Pages>;
}

/// Makes one test for each rule of the contract.
///
/// `$test` is the attribute of an async test; `$backend` is evaluated anew for each rule
/// and gives a [`Backend`](crate::store::conformance::Backend) on a store of its own.
#[macro_export]
macro_rules! pages_conformance {
    ($test:meta, $backend:expr) => {
        $crate::pages_conformance!(@rules $test, $backend;
            rule_s1_a_new_store_has_nothing
            rule_s2_what_is_done_stays
            rule_s3_read_answers_in_order
            rule_s4_a_stale_commit_leaves_nothing
            rule_s5_a_failed_commit_leaves_nothing
            rule_s6_of_commits_together_one_is_done
            rule_s7_freed_pages_are_gone
            rule_s8_pages_are_any_bytes
            rule_s9_a_large_commit_is_whole
            rule_s12_the_root_before_the_present_one_is_kept
        );
    };
    (@rules $test:meta, $backend:expr; $($rule:ident)*) => {
        $(
            #[$test]
            async fn $rule() {
                $crate::store::conformance::$rule(&$backend).await;
            }
        )*
    };
}

/// The id of a test's page.
pub fn page(number: u32) -> PageId {
    PageId::numbered(*b"conformance:", number)
}

fn commit(expected: Option<u64>, revision: u64, root: &[u8], pages: &[(u32, &[u8])]) -> Commit {
    Commit {
        expected: expected.map(Revision),
        revision: Revision(revision),
        root: root.to_vec(),
        pages: pages
            .iter()
            .map(|(number, bytes)| (page(*number), Rc::from(*bytes)))
            .collect(),
        freed: vec![],
    }
}

async fn root(pages: &impl Pages) -> Option<(u64, Vec<u8>)> {
    let root = pages.root().await.expect("the root is read");
    root.map(|root| (root.revision.0, root.bytes))
}

async fn read(pages: &impl Pages, numbers: &[u32]) -> Vec<Option<Vec<u8>>> {
    let ids: Vec<PageId> = numbers.iter().map(|number| page(*number)).collect();
    let found = pages.read(&ids).await.expect("pages are read");
    found
        .into_iter()
        .map(|page| page.map(|bytes| bytes.to_vec()))
        .collect()
}

async fn done(pages: &impl Pages, commit: &Commit) {
    assert_eq!(pages.commit(commit).await, Ok(Committed::Done));
}

/// S-1: a store that was never written to has no root, and no pages.
pub async fn rule_s1_a_new_store_has_nothing(backend: &impl Backend) {
    let pages = backend.open().await;
    assert_eq!(root(&pages).await, None);
    assert_eq!(read(&pages, &[1]).await, [None]);
    assert_eq!(read(&pages, &[]).await, Vec::<Option<Vec<u8>>>::new());
}

/// S-2: what is done stays, through every handle.
pub async fn rule_s2_what_is_done_stays(backend: &impl Backend) {
    let pages = backend.open().await;
    let early = backend.open().await;
    done(
        &pages,
        &commit(None, 5, b"first", &[(1, b"one"), (2, b"two")]),
    )
    .await;
    done(&pages, &commit(Some(5), 6, b"second", &[(3, b"three")])).await;
    drop(pages);
    for handle in [early, backend.open().await] {
        assert_eq!(root(&handle).await, Some((6, b"second".to_vec())));
        let expected = [&b"one"[..], b"two", b"three"].map(|bytes| Some(bytes.to_vec()));
        assert_eq!(read(&handle, &[1, 2, 3]).await, expected);
    }
}

/// S-3: `read` answers each place it was asked for, in order.
pub async fn rule_s3_read_answers_in_order(backend: &impl Backend) {
    let pages = backend.open().await;
    done(
        &pages,
        &commit(None, 1, b"", &[(1, b"one"), (2, b"two"), (3, b"three")]),
    )
    .await;
    let (one, three) = (Some(b"one".to_vec()), Some(b"three".to_vec()));
    assert_eq!(
        read(&pages, &[3, 9, 1, 3, 1, 8]).await,
        [three.clone(), None, one.clone(), three, one, None]
    );
}

/// S-4: a commit planned on another revision is stale and leaves nothing.
pub async fn rule_s4_a_stale_commit_leaves_nothing(backend: &impl Backend) {
    let pages = backend.open().await;
    let stale = async |stale: &Commit| pages.commit(stale).await == Ok(Committed::Stale);
    assert!(stale(&commit(Some(1), 2, b"no store yet", &[(1, b"one")])).await);
    assert_eq!(root(&pages).await, None);

    done(&pages, &commit(None, 5, b"root", &[(2, b"two")])).await;
    let freeing = Commit {
        freed: vec![page(2)],
        ..commit(Some(4), 6, b"x", &[(3, b"three")])
    };
    assert!(stale(&freeing).await);
    assert!(stale(&commit(None, 6, b"x", &[(3, b"three")])).await);
    assert!(stale(&commit(Some(6), 7, b"x", &[(3, b"three")])).await);
    assert_eq!(root(&pages).await, Some((5, b"root".to_vec())));
    assert_eq!(
        read(&pages, &[1, 2, 3]).await,
        [None, Some(b"two".to_vec()), None]
    );

    // Nor does a stale one leave a gap, nor is it taken for the next one long after.
    for revision in 6..106 {
        done(&pages, &commit(Some(revision - 1), revision, b"on", &[])).await;
    }
    assert!(stale(&commit(Some(5), 6, b"x", &[])).await);
    done(&pages, &commit(Some(105), 106, b"last", &[])).await;
    assert_eq!(
        root(&backend.open().await).await,
        Some((106, b"last".to_vec()))
    );
}

/// S-5: a commit that fails, here over a page that is there already, leaves nothing.
pub async fn rule_s5_a_failed_commit_leaves_nothing(backend: &impl Backend) {
    let pages = backend.open().await;
    done(
        &pages,
        &commit(None, 5, b"root", &[(1, b"one"), (2, b"two")]),
    )
    .await;
    let pages_new: &[(u32, &[u8])] = &[(3, b"three"), (1, b"another"), (4, b"four")];
    let failing = Commit {
        freed: vec![page(2)],
        ..commit(Some(5), 6, b"x", pages_new)
    };
    let answer: Result<Committed, PagesError> = pages.commit(&failing).await;
    assert!(answer.is_err(), "{answer:?}");

    for handle in [pages, backend.open().await] {
        assert_eq!(root(&handle).await, Some((5, b"root".to_vec())));
        let (one, two) = (Some(b"one".to_vec()), Some(b"two".to_vec()));
        assert_eq!(read(&handle, &[1, 2, 3, 4]).await, [one, two, None, None]);
    }
    done(
        &backend.open().await,
        &commit(Some(5), 6, b"next", &[(3, b"three")]),
    )
    .await;
}

/// S-6: of several commits planned on one revision, exactly one is done.
pub async fn rule_s6_of_commits_together_one_is_done(backend: &impl Backend) {
    let (one, other) = (backend.open().await, backend.open().await);
    for round in 0..8_u32 {
        let (expected, numbers) = (u64::from(round), [2 * round, 2 * round + 1]);
        let expected = (round > 0).then_some(expected);
        let revision = u64::from(round) + 1;
        let commits = numbers.map(|n| commit(expected, revision, &n.to_be_bytes(), &[(n, b"x")]));
        let answers = both(one.commit(&commits[0]), other.commit(&commits[1])).await;
        let winner = match answers {
            (Ok(Committed::Done), Ok(Committed::Stale)) => 0,
            (Ok(Committed::Stale), Ok(Committed::Done)) => 1,
            answers => panic!("{answers:?}"),
        };
        let bytes = numbers[winner].to_be_bytes().to_vec();
        assert_eq!(root(&one).await, Some((revision, bytes)));
        let there: Vec<bool> = read(&other, &numbers)
            .await
            .iter()
            .map(Option::is_some)
            .collect();
        assert_eq!(there, [winner == 0, winner == 1]);
    }
}

/// S-7: freed pages are gone; freeing what is not there is no error.
pub async fn rule_s7_freed_pages_are_gone(backend: &impl Backend) {
    let pages = backend.open().await;
    done(
        &pages,
        &commit(None, 1, b"", &[(1, b"one"), (2, b"two"), (3, b"three")]),
    )
    .await;
    let freed = vec![page(1), page(9), page(3), page(1)];
    done(
        &pages,
        &Commit {
            freed,
            ..commit(Some(1), 2, b"", &[])
        },
    )
    .await;
    for handle in [pages, backend.open().await] {
        assert_eq!(
            read(&handle, &[1, 2, 3]).await,
            [None, Some(b"two".to_vec()), None]
        );
    }
}

/// S-8: pages and roots are any bytes.
pub async fn rule_s8_pages_are_any_bytes(backend: &impl Backend) {
    /// The last revision there can be.
    const LAST: u64 = (1 << 53) - 1;
    let pages = backend.open().await;
    let every: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..3_000_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    done(
        &pages,
        &commit(None, LAST - 1, b"", &[(1, b""), (2, &every), (3, &large)]),
    )
    .await;
    assert_eq!(root(&pages).await, Some((LAST - 1, vec![])));
    assert_eq!(
        read(&pages, &[1, 2, 3]).await,
        [Some(vec![]), Some(every.clone()), Some(large)]
    );
    done(&pages, &commit(Some(LAST - 1), LAST, &every, &[])).await;
    assert_eq!(root(&pages).await, Some((LAST, every)));
}

/// S-9: a commit of thousands of pages is done whole.
pub async fn rule_s9_a_large_commit_is_whole(backend: &impl Backend) {
    let pages = backend.open().await;
    let bytes: Vec<[u8; 4]> = (0..2_000_u32).map(u32::to_be_bytes).collect();
    let large: Vec<(u32, &[u8])> = (0..).zip(bytes.iter().map(|bytes| &bytes[..])).collect();
    done(&pages, &commit(None, 1, b"", &large)).await;
    let numbers: Vec<u32> = (0..2_000).collect();
    let expected: Vec<_> = bytes.iter().map(|bytes| Some(bytes.to_vec())).collect();
    assert_eq!(read(&backend.open().await, &numbers).await, expected);

    let freed: Vec<PageId> = numbers.iter().map(|number| page(*number)).collect();
    done(
        &pages,
        &Commit {
            freed,
            ..commit(Some(1), 2, b"", &[])
        },
    )
    .await;
    assert!(read(&pages, &numbers).await.iter().all(Option::is_none));
}

/// S-12: the root record before the present one is kept.
pub async fn rule_s12_the_root_before_the_present_one_is_kept(backend: &impl Backend) {
    let pages = backend.open().await;
    let before = async |revision| {
        let before = pages.root_before(Revision(revision)).await;
        let before = before.expect("a root is read");
        before.map(|root| (root.revision.0, root.bytes))
    };
    assert_eq!(before(u64::MAX >> 12).await, None);
    done(&pages, &commit(None, 5, b"first", &[])).await;
    assert_eq!(before(5).await, None);
    for revision in 6..80_u8 {
        let number = u32::from(revision);
        let new: &[(u32, &[u8])] = if revision < 40 {
            &[]
        } else {
            &[(number, b"page")]
        };
        let expected = u64::from(revision) - 1;
        done(
            &pages,
            &commit(Some(expected), expected + 1, &[revision], new),
        )
        .await;
        let kept = if revision == 6 {
            b"first".to_vec()
        } else {
            vec![revision - 1]
        };
        assert_eq!(before(expected + 1).await, Some((expected, kept)));
    }
}

/// Both futures, polled together.
async fn both<L, R>(left: impl Future<Output = L>, right: impl Future<Output = R>) -> (L, R) {
    let (mut left, mut right) = (core::pin::pin!(left), core::pin::pin!(right));
    let (mut left_out, mut right_out) = (None, None);
    core::future::poll_fn(|context| {
        use core::task::Poll;
        if left_out.is_none()
            && let Poll::Ready(out) = left.as_mut().poll(context)
        {
            left_out = Some(out);
        }
        if right_out.is_none()
            && let Poll::Ready(out) = right.as_mut().poll(context)
        {
            right_out = Some(out);
        }
        match (left_out.take(), right_out.take()) {
            (Some(left), Some(right)) => Poll::Ready((left, right)),
            (left, right) => {
                (left_out, right_out) = (left, right);
                Poll::Pending
            }
        }
    })
    .await
}
