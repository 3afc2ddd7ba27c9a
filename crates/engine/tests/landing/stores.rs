//! One suite over every kind of store: directories, memory, and an S3 API. What holds on one holds on all, or the
//! commit rules do not.
//!
//! The S3 half is asked for by name, since it needs a server: `cargo xtask test --only s3` starts one. It also runs on
//! a bucket of yours: `TIDEGATE_TEST_S3=s3://bucket/prefix` and the usual `AWS_…` variables.

mod forgetful;
mod lines;
mod objects;
mod place;

macro_rules! over {
    ($kind:ident: $($suite:ident::$property:ident,)+) => {
        mod $kind {
            $(#[tokio::test]
            async fn $property() {
                super::$suite::$property(&super::place::$kind()).await;
            })+
        }
    };
}

macro_rules! over_every_store {
    ($($suite:ident::$property:ident,)+) => {
        over! { directories: $($suite::$property,)+ }
        mod memory {
            $(#[tokio::test]
            async fn $property() {
                super::$suite::$property(&super::place::memory(stringify!($property))).await;
            })+
        }
        mod s3 {
            $(#[tokio::test]
            #[ignore = "needs an S3 API; `cargo xtask test --only s3` starts one"]
            async fn $property() {
                super::$suite::$property(&super::place::s3(stringify!($property))).await;
            })+
        }
    };
}

over_every_store! {
    objects::one_of_sixteen_creators_wins,
    objects::odd_names_are_kept_to_the_letter,
    objects::an_object_s_tag_stands_for_its_bytes,
    lines::a_pipeline_lands_from_poll_to_parquet_below_an_odd_prefix,
    lines::a_list_goes_on_beyond_a_thousand,
    lines::what_is_delivered_again_and_at_once_doubles_nothing,
    lines::windows_and_recovery_finish_what_events_left,
    lines::a_replay_gives_the_same_bytes_and_removes_what_it_leaves,
    lines::a_lost_acknowledgement_is_taken_for_our_own_write,
}

// What syncing does in another way: names, reading, creating, claims.
#[cfg(target_os = "linux")]
over! {
    synced:
    objects::one_of_sixteen_creators_wins,
    objects::odd_names_are_kept_to_the_letter,
    objects::an_object_s_tag_stands_for_its_bytes,
    lines::windows_and_recovery_finish_what_events_left,
    lines::a_lost_acknowledgement_is_taken_for_our_own_write,
}
