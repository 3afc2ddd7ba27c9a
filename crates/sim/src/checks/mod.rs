//! What must hold at the end of every run, whatever went wrong on the way. Each check is one sentence of the promise.

mod loads;
mod rows;
mod streams;

use crate::disk::Disk;
use crate::world::World;
use rows::Facts;

/// Every broken promise, in words.
pub(crate) fn broken(world: &World, disk: &Disk) -> Vec<String> {
    let facts = Facts::of(disk);
    let mut broken = world.state().violations.clone();
    let checks: [fn(&World, &Facts<'_>) -> Vec<String>; 7] = [
        streams::batches_are_numbered_without_gaps,
        streams::cursors_stand_where_the_data_ends,
        loads::every_batch_belongs_to_one_ended_load,
        loads::every_file_is_listed_once_and_holds_what_is_stated,
        loads::every_staged_record_lands_once,
        streams::every_event_is_there_once,
        streams::the_last_reading_is_there,
    ];
    broken.extend(checks.iter().flat_map(|check| check(world, &facts)));
    broken
}
