//! What the truth's store and its sessions promise, as plain functions over a fresh world; every
//! back-end is held to all of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod compaction;
mod conflicts;
mod pull;
mod push;
mod sessions;
mod support;
mod together;
mod upkeep;
mod verify;

/// Runs each rule on a world of its own.
macro_rules! held_to {
    ($world:expr; $($module:ident: $($rule:ident)*;)*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $rule() {
                crate::$module::$rule($world.await).await;
            }
        )*)*
    };
}

mod sqlite {
    use crate::support::World;

    held_to! { World::sqlite();
        sessions:
            a_record_gets_its_key_and_reaches_another_device
            phases_ride_together
            nothing_rides_where_nothing_is_done
            an_open_ends_the_sessions_before_it
            a_session_expires_after_its_last_call
            another_users_session_is_gone
            checkins_grow_while_the_clock_jumps_back
            late_opens_and_copies_are_refused
            an_empty_sync_writes_nothing
            a_finish_tells_how_far
            a_mismatch_leaves_the_session_open
            the_previous_finish_rides
            what_was_answered_is_there_after_reopening
            a_cancelled_session_is_over
            commits_are_told
            what_is_not_spoken_is_refused;
        push:
            batches_are_one_push
            a_large_push_is_one_commit
            the_airbag_holds_the_whole_push
            a_wrong_record_stops_nothing_else
            odd_names_and_values_come_back
            deletions_reach_the_others;
        pull:
            pages_are_whole_and_in_order
            a_pull_is_one_moment
            every_push_is_answered
            a_cursor_outlives_its_session
            a_local_id_is_told_until_confirmed
            acks_are_heeded
            limits_are_kept
            records_are_one_moment;
        together:
            eight_push_while_another_pulls
            a_superseded_push_is_all_or_nothing
            a_crash_image_opens_between_two_commits
            a_dropped_call_leaves_nothing_or_all;
        conflicts:
            a_decision_is_one_commit
            a_dropped_decision_leaves_nothing_or_all
            a_dead_record_is_brought_back;
        compaction:
            values_go_when_nobody_needs_them
            a_late_device_merges_with_the_base_it_had
            a_repeat_is_known_long_after
            what_proves_old_moments_goes_last
            a_long_rest_leaves_nobody_behind
            a_base_that_is_gone_is_not_mistaken_for_an_older_one
            zombies_stay_dead
            tombstones_wait_for_an_open_pull
            moments_that_are_not_whole_are_not_shown;
        upkeep:
            a_device_from_before_forgotten_is_repaired
            an_expired_session_goes_in_parts
            compaction_runs_while_devices_sync
            compaction_may_stop_anywhere
            retention_keeps_what_nobody_needs;
        verify:
            what_the_server_wrote_is_sound
            each_kind_of_damage_is_found
            no_column_goes_unseen
            what_is_certain_is_repaired
            a_finding_says_what_mends_it
            verifying_writes_nothing;
    }
}
