//! `process_*`, read from `/proc`: CPU time, memory, file descriptors, threads, start time. Only numbers that every
//! process has; what the program does is not here.
//!
//! The `prometheus` crate's own collector is not used: its `process` feature brings an old `procfs` and with it second
//! versions of crates, to read four small files.

use std::fs;
use std::io;
use std::path::Path;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, Opts};

use crate::own::OwnMetricsError;

/// Clock ticks per second in what `/proc` tells. The kernel reports in `USER_HZ`, which is fixed at 100 for programs
/// on every architecture with a current Rust target, whatever the kernel's own clock.
const USER_HZ: f64 = 100.0;

/// Collector of `process_*`. Where there is no `/proc`, it collects nothing.
pub(crate) struct ProcessMetrics {
    cpu_seconds: Counter,
    gauges: [(Gauge, Pick); 6],
    /// When the machine was started. Read once: it does not change, and `/proc/stat` is long on large machines.
    boot_seconds: Option<f64>,
}

/// A gauge's value in what was read.
type Pick = fn(&Reading) -> Option<f64>;

impl ProcessMetrics {
    pub(crate) fn new() -> Result<Self, OwnMetricsError> {
        let gauge = |name, help, value: Pick| -> Result<_, OwnMetricsError> {
            Ok((Gauge::with_opts(Opts::new(name, help)).map_err(OwnMetricsError::Registry)?, value))
        };
        let cpu = Opts::new("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");
        Ok(Self {
            cpu_seconds: Counter::with_opts(cpu).map_err(OwnMetricsError::Registry)?,
            boot_seconds: value_after(&fs::read_to_string("/proc/stat").unwrap_or_default(), "btime"),
            gauges: [
                gauge("process_max_fds", "Maximum number of open file descriptors.", |r| r.max_fds)?,
                gauge("process_open_fds", "Number of open file descriptors.", |r| r.open_fds)?,
                gauge("process_resident_memory_bytes", "Resident memory size in bytes.", |r| r.resident_bytes)?,
                gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", |r| r.start_time_seconds)?,
                gauge("process_threads", "Number of OS threads in the process.", |r| r.threads)?,
                gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", |r| r.virtual_bytes)?,
            ],
        })
    }
}

impl Collector for ProcessMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.cpu_seconds.desc().into_iter().chain(self.gauges.iter().flat_map(|(gauge, _)| gauge.desc())).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let reading = read(Path::new("/proc"), self.boot_seconds);
        let mut families = Vec::new();
        if let Some(total) = reading.cpu_seconds {
            // Another scrape may have got here first and further.
            self.cpu_seconds.inc_by((total - self.cpu_seconds.get()).max(0.0));
            families.extend(self.cpu_seconds.collect());
        }
        for (gauge, value) in &self.gauges {
            if let Some(value) = value(&reading) {
                gauge.set(value);
                families.extend(gauge.collect());
            }
        }
        families
    }
}

/// What could be read; the rest is left out of the page rather than shown as zero.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    cpu_seconds: Option<f64>,
    max_fds: Option<f64>,
    open_fds: Option<f64>,
    resident_bytes: Option<f64>,
    start_time_seconds: Option<f64>,
    threads: Option<f64>,
    virtual_bytes: Option<f64>,
}

fn read(proc: &Path, boot_seconds: Option<f64>) -> Reading {
    let text = |file: &str| fs::read_to_string(proc.join(file)).unwrap_or_default();
    let (stat, status) = (text("self/stat"), text("self/status"));
    let field = |name: &str| value_after(&status, name);
    Reading {
        cpu_seconds: ticks(&stat, UTIME).zip(ticks(&stat, STIME)).map(|(user, system)| (user + system) / USER_HZ),
        max_fds: value_after(&text("self/limits"), "Max open files"),
        open_fds: count_entries(&proc.join("self/fd")).ok(),
        resident_bytes: field("VmRSS:").map(|kib| kib * 1024.0),
        start_time_seconds: ticks(&stat, START_TIME).zip(boot_seconds).map(|(ticks, boot)| boot + ticks / USER_HZ),
        threads: field("Threads:"),
        virtual_bytes: field("VmSize:").map(|kib| kib * 1024.0),
    }
}

// Fields of /proc/self/stat, counted from the one after the program's name.
const UTIME: usize = 11;
const STIME: usize = 12;
const START_TIME: usize = 19;

fn ticks(stat: &str, field: usize) -> Option<f64> {
    // The name stands in parentheses and may hold spaces and parentheses itself.
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(field)?.parse().ok()
}

/// The first number on the line that begins with `label`.
fn value_after(text: &str, label: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
    let word = rest.split_whitespace().next()?;
    // "unlimited" is no number, and Rust would read "inf" and "nan" as some.
    word.parse::<u64>().ok()?;
    word.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "a process has far fewer than 2^53 descriptors")]
fn count_entries(folder: &Path) -> io::Result<f64> {
    Ok(fs::read_dir(folder)?.count() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proc_folder_is_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("self/fd/0")).unwrap();
        for (file, text) in [
            ("self/stat", "7 (a) (b)) S 1 7 7 0 -1 0 0 0 0 0 150 50 0 0 20 0 3 0 200 0 0"),
            ("self/status", "Name:\ta\nVmSize:\t   8 kB\nVmRSS:\t   4 kB\nThreads:\t3\n"),
            ("self/limits", "Limit  Soft Limit  Hard Limit  Units\nMax open files   1024   4096  files\n"),
        ] {
            fs::write(folder.path().join(file), text).unwrap();
        }
        let expected = Reading {
            cpu_seconds: Some(2.0),
            max_fds: Some(1024.0),
            open_fds: Some(1.0),
            resident_bytes: Some(4096.0),
            start_time_seconds: Some(1002.0),
            threads: Some(3.0),
            virtual_bytes: Some(8192.0),
        };
        assert_eq!(read(folder.path(), Some(1000.0)), expected);
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        assert_eq!(read(Path::new("/nonexistent"), None), Reading::default());
        assert_eq!(value_after("Max open files  unlimited  unlimited", "Max open files"), None);
    }
}
