//! Reconcile: ranges of keys compared by their fingerprints, at the session's moment of the truth.

use tidemark_protocol::{Code, Problem, ReconcileAnswer, ReconcileRequest};

use super::{Caller, Service};

impl Service {
    pub(super) async fn reconcile_ranges(
        &self,
        caller: &Caller,
        request: ReconcileRequest,
    ) -> Result<ReconcileAnswer, Problem> {
        let now = self.now()?;
        let mut snapshot = self.inner.store.snapshot().await?;
        self.alive(&mut snapshot, caller, request.sync_uuid, now)
            .await?;
        let detail = "this server cannot reconcile yet: finish as you are";
        Err(Problem::new(Code::NotSupported, detail))
    }
}
