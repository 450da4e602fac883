//! What the system knows of this process, under the names that all Prometheus clients use.

use procfs::WithCurrentSystemInfo;
use procfs::process::{LimitValue, Process as Own};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Asks the system at each scrape.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        // A system that does not say leaves its metrics out.
        let Ok(own) = Own::myself() else { return Ok(()) };
        if let Ok(stat) = own.stat() {
            let seconds = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
            let help = "Total user and system CPU time spent in seconds";
            let cpu = ConstCounter::new(seconds);
            cpu.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?)?;
            let mut gauge = |name, help, value: u64| gauge(&mut encoder, name, help, value);
            gauge("process_resident_memory_bytes", "Resident memory size in bytes", stat.rss_bytes().get())?;
            gauge("process_virtual_memory_bytes", "Virtual memory size in bytes", stat.vsize)?;
            gauge("process_threads", "Number of OS threads", u64::try_from(stat.num_threads).unwrap_or(0))?;
            if let Ok(booted) = procfs::boot_time_secs() {
                let started = booted + stat.starttime / procfs::ticks_per_second();
                let help = "Start time of the process since unix epoch in seconds";
                gauge("process_start_time_seconds", help, started)?;
            }
        }
        if let Ok(open) = own.fd_count() {
            gauge(&mut encoder, "process_open_fds", "Number of open file descriptors", open as u64)?;
        }
        if let Ok(limits) = own.limits()
            && let LimitValue::Value(most) = limits.max_open_files.soft_limit
        {
            gauge(&mut encoder, "process_max_fds", "Maximum number of open file descriptors", most)?;
        }
        Ok(())
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> Result<(), std::fmt::Error> {
    let value = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    value.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}
