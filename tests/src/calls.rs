//! A client's calls on the shipped `Service`, worked off as the HTTP layer would, without HTTP: for
//! the tests that have both in one process.

use serde::{Serialize, de::DeserializeOwned};
use tidemark_engine::client::Reply;
use tidemark_protocol::Problem;
use tidemark_server::session::{Caller, ConflictsQuery, Service};

/// Works off one call of a user, by the path and body that a client sends.
pub async fn handle(service: Service, user: &str, path: &str, body: &str) -> Reply {
    let caller = Caller {
        user: user.to_owned(),
    };
    match path {
        "/v1/sync/open" => answer(read(body), |it| service.open(&caller, it)).await,
        "/v1/sync/push" => answer(read(body), |it| service.push(&caller, it)).await,
        "/v1/sync/pull" => answer(read(body), |it| service.pull(&caller, it)).await,
        "/v1/sync/reconcile" => answer(read(body), |it| service.reconcile(&caller, it)).await,
        "/v1/sync/finish" => answer(read(body), |it| service.finish(&caller, it)).await,
        "/v1/sync/cancel" => answer(read(body), |it| service.cancel(&caller, it)).await,
        _ => handle_conflicts(service, &caller, path, body).await,
    }
}

/// `GET /v1/conflicts?datastore=…&cursor=…` and `POST /v1/conflicts/{id}?datastore=…`.
async fn handle_conflicts(service: Service, caller: &Caller, path: &str, body: &str) -> Reply {
    let Some((place, query)) = path.split_once('?') else {
        panic!("a client has no business at {path}");
    };
    let asked = |name: &str| {
        let members = query.split('&').filter_map(|member| member.split_once('='));
        let mut found = members.filter(|(member, _)| *member == name);
        found.next().map(|(_, value)| value.to_owned())
    };
    let datastore = asked("datastore");
    if let Some(id) = place.strip_prefix("/v1/conflicts/") {
        let datastore = datastore.as_deref();
        let settle = |it| service.settle(caller, datastore, id, it);
        return answer(read(body), settle).await;
    }
    assert_eq!((place, body), ("/v1/conflicts", ""));
    let query = ConflictsQuery {
        datastore,
        cursor: asked("cursor"),
        ..ConflictsQuery::default()
    };
    answer(query, |it| service.conflicts(caller, it)).await
}

fn read<T: DeserializeOwned>(body: &str) -> T {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {body}"))
}

async fn answer<Q, A: Serialize, F: Future<Output = Result<A, Problem>>>(
    request: Q,
    call: impl FnOnce(Q) -> F,
) -> Reply {
    let (status, body) = match call(request).await {
        Ok(answer) => (200, serde_json::to_string(&answer)),
        Err(problem) => (problem.status, serde_json::to_string(&problem)),
    };
    Reply {
        status,
        body: body.expect("an answer is JSON"),
        ..Reply::default()
    }
}
