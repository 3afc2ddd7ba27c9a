//! One run: a world of faults for some hours, then calm, a recovery, a last poll, and the checks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use crate::api::{CHANGES_FOR, pipeline};
use crate::checks;
use crate::disk::{Disk, objects};
use crate::process::Process;
use crate::roles::{self, Role};
use crate::settings::Settings;
use crate::world::{Record, World};

/// How long a process may take to come to an end once there are no more faults.
const CALMING: Duration = Duration::from_secs(48 * 3600);

/// What came of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Every broken promise, in words; empty if all held.
    pub broken: Vec<String>,
    /// How often each thing happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// Digest of everything that happened, in order.
    pub trace: u64,
}

/// Runs one seed; `printed` shows everything that happens.
pub fn run(seed: u64, printed: bool) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without input and output needs nothing");
    runtime.block_on(simulate(Settings::of(seed), printed))
}

async fn simulate(settings: Settings, printed: bool) -> Report {
    let seed = settings.seed;
    let world = World::new(settings, printed);
    world.note("world", &format!("{:?}", world.settings));
    let faults = async {
        tokio::time::sleep(CHANGES_FOR).await;
        world.calm_down();
    };
    let all = join_all(cast(&world).into_iter().map(|(role, name)| live(world.clone(), role, name)));
    let in_time = tokio::time::timeout(CALMING, async { tokio::join!(faults, all) }).await;
    let mut broken = Vec::new();
    match in_time {
        Ok(_) => broken.extend(aftermath(&world).await),
        Err(_) => broken.push("a process did not come to an end after the faults were over".to_owned()),
    }
    let Record { counts, trace } = world.record();
    Report { seed, broken, counts, trace }
}

/// Who takes part.
fn cast(world: &World) -> Vec<(Role, String)> {
    let settings = &world.settings;
    let of = |role: Role, count: u64| (0..count).map(move |n| (role, format!("{role:?}{n}").to_lowercase()));
    of(Role::Poller, settings.pollers)
        .chain(of(Role::Events, settings.event_loaders))
        .chain(of(Role::Windows, settings.window_loaders))
        .collect()
}

/// A process that is started again whenever it dies, as a supervisor or a cloud would.
async fn live(world: Arc<World>, role: Role, name: String) {
    for start in 1.. {
        let process = Process::start(&world, format!("{name}.{start}"));
        let ended = tokio::select! {
            biased;
            () = process.death() => false,
            () = roles::play(role, &process) => true,
        };
        if ended {
            return;
        }
        let pause = world.state().chance.within(100..90_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// Recovery and a last poll in a world without faults, then the checks; then all of it once more, which must change
/// nothing.
async fn aftermath(world: &Arc<World>) -> Vec<String> {
    tokio::time::sleep(Duration::from_secs(2 * 86_400)).await;
    let process = Process::start(world, "last".to_owned());
    let mut broken: Vec<String> = roles::settle(&process, &pipeline()).await.err().into_iter().collect();
    let disk = disk(world).await;
    broken.extend(checks::broken(world, &disk));
    let again = Process::start(world, "again".to_owned());
    broken.extend(roles::settle(&again, &pipeline()).await.err());
    let after = self::disk(world).await;
    let changed = after.lake.iter().filter(|(key, bytes)| disk.lake.get(*key) != Some(bytes));
    broken.extend(changed.map(|(key, _)| format!("{key} was written though nothing was left to do")));
    broken
}

async fn disk(world: &World) -> Disk {
    Disk { staging: objects(&world.staging).await, lake: objects(&world.lake).await }
}
