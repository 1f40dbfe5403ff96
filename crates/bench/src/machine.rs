//! What the figures were measured on.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cores;
use crate::error::BenchError;
use crate::load::median;

/// How often a write is followed to the disk.
const SYNCS: usize = 200;

/// The machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
    disk: String,
    sync: Duration,
}

impl Machine {
    /// Looks at the machine, and at the disk that `dir` is on.
    pub(crate) fn look(dir: &Path) -> Result<Self, BenchError> {
        let cpu_info = fs_err::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu_info.lines().find_map(|line| line.strip_prefix("model name"));
        let kernel = fs_err::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Ok(Self {
            cpu: model
                .map_or("unknown", |text| text.trim_start_matches([' ', '\t', ':']))
                .to_owned(),
            cores: cores::all(),
            kernel: kernel.trim().to_owned(),
            disk: disk(dir),
            sync: sync(dir)?,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, cores, kernel, disk, sync } = self;
        let micros = sync.as_micros();
        write!(
            f,
            "{cpu}, {cores} cores, Linux {kernel}, {disk}; a write of 4 KiB is on the disk after \
             {micros} µs (fdatasync, median of {SYNCS})"
        )
    }
}

/// The file system of the mount that `dir` is below, and its device.
fn disk(dir: &Path) -> String {
    let mounts = fs_err::read_to_string("/proc/self/mounts").unwrap_or_default();
    let fields = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?, words.next()?, words.next()?))
    });
    let longest = fields.filter(|(_, at, _)| dir.starts_with(at)).max_by_key(|(_, at, _)| at.len());
    longest.map_or_else(
        || "unknown disk".to_owned(),
        |(device, _, kind)| format!("{kind} on {device}"),
    )
}

fn sync(dir: &Path) -> Result<Duration, BenchError> {
    let failed = BenchError::file;
    let path = dir.join("sync");
    let mut file = fs_err::File::create(&path).map_err(failed("write to the disk"))?;
    let mut took = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all(&[7; 4096]).map_err(failed("write to the disk"))?;
        file.sync_data().map_err(failed("sync the disk"))?;
        took.push(began.elapsed().as_secs_f64());
    }
    fs_err::remove_file(path).map_err(failed("remove a file"))?;
    Ok(Duration::from_secs_f64(median(&took)))
}
