//! Long work: one job after the other, each with its progress, its log, and a way to stop it.

mod events;
mod handlers;
mod index;
mod labelled_tiles;
mod train;

pub(crate) use handlers::routes;
pub use handlers::{IndexRequest, JobRequest, TrainRequest};
pub(crate) use labelled_tiles::clear_labelled_tiles;

use crate::error::ApiError;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use utoipa::ToSchema;

/// Jobs that are remembered after their end.
const REMEMBERED: usize = 100;
/// Lines of a job's log; older ones are dropped.
const LOG_LINES: usize = 1000;

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for the one before it.
    Queued,
    /// It runs.
    Running,
    /// It did what was asked.
    Done,
    /// It could not.
    Failed,
    /// It was asked to stop, and did.
    Cancelled,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its number.
    pub id: u64,
    /// `index` or `train`.
    pub kind: String,
    /// What it does, for people.
    pub title: String,
    /// How it stands.
    pub status: JobState,
    /// How far it is, 0 to 1; `null` until that is known.
    pub progress: Option<f64>,
    /// Sections, images or steps of a training that are done.
    pub done: u64,
    /// All of them.
    pub total: Option<u64>,
    /// What it is about, or what became of it, one line.
    pub message: String,
    /// The last lines of its log.
    pub log: Vec<String>,
    /// Seconds since 1970 when it was asked for.
    pub started: u64,
    /// Seconds since 1970 when it ended.
    pub ended: Option<u64>,
}

/// A job and everyone who watches it.
#[derive(Debug)]
pub(crate) struct Job {
    stop: AtomicBool,
    seen: watch::Sender<Seen>,
}

/// What can be seen of a job.
#[derive(Debug, Clone)]
struct Seen {
    view: JobView,
    /// Lines that its log has lost at the beginning.
    lines_lost: u64,
}

/// What a job does; returns what to tell people of its end.
pub(crate) type Work = Box<dyn FnOnce(&Job) -> Result<String, String> + Send>;

/// The jobs, and the thread that does them.
#[derive(Debug)]
pub(crate) struct Jobs {
    shared: Arc<SharedJobs>,
    worker: Mutex<Option<JoinHandle<()>>>,
    /// Jobs that may wait or run.
    most: usize,
}

#[derive(Debug, Default)]
struct SharedJobs {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    all: VecDeque<Arc<Job>>,
    waiting: VecDeque<(Arc<Job>, Work)>,
    last_id: u64,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("all", &self.all).field("waiting", &self.waiting.len()).finish()
    }
}

impl Job {
    /// What it looks like now.
    pub(crate) fn view(&self) -> JobView {
        self.seen.borrow().view.clone()
    }

    /// Whether it is to stop.
    pub(crate) fn is_to_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Set when it is to stop.
    pub(crate) fn stop_flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// Says how far it is.
    pub(crate) fn progress(&self, done: u64, total: u64) {
        self.seen.send_if_modified(|Seen { view, .. }| {
            let changed = (view.done, view.total) != (done, Some(total));
            (view.done, view.total) = (done, Some(total));
            view.progress = (total > 0).then(|| (done as f64 / total as f64).min(1.0));
            changed
        });
    }

    /// Adds a line to its log.
    pub(crate) fn log(&self, line: impl Into<String>) {
        self.seen.send_modify(|Seen { view, lines_lost }| {
            view.message = line.into();
            view.log.push(view.message.clone());
            if view.log.len() > LOG_LINES {
                view.log.remove(0);
                *lines_lost += 1;
            }
        });
    }

    fn has_ended(&self) -> bool {
        self.seen.borrow().view.status.is_end()
    }

    fn end(&self, state: JobState, message: String) {
        self.log(message);
        self.seen.send_modify(|Seen { view, .. }| (view.status, view.ended) = (state, Some(now())));
    }

    fn run(&self, work: Work) {
        if self.is_to_stop() {
            return self.end(JobState::Cancelled, "cancelled before it began".into());
        }
        self.seen.send_modify(|Seen { view, .. }| view.status = JobState::Running);
        match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(Ok(message)) if self.is_to_stop() => self.end(JobState::Cancelled, message),
            Ok(Ok(message)) => self.end(JobState::Done, message),
            Ok(Err(problem)) => self.end(JobState::Failed, problem),
            Err(_) => self.end(JobState::Failed, "the job met a defect of the program and was ended".into()),
        }
    }
}

impl JobState {
    /// Whether nothing more will happen.
    pub(crate) fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl Jobs {
    /// No jobs yet; at most so many wait or run at a time.
    pub(crate) fn start(most: usize) -> std::io::Result<Self> {
        let shared = Arc::new(SharedJobs::default());
        let worker = {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("jobs".into()).spawn(move || shared.work())?
        };
        Ok(Self { shared, worker: Mutex::new(Some(worker)), most })
    }

    /// Puts a job at the end of the queue.
    pub(crate) fn add(&self, kind: &str, title: String, work: Work) -> Result<Arc<Job>, ApiError> {
        let mut queue = self.shared.queue();
        let unfinished = queue.all.iter().filter(|job| !job.has_ended()).count();
        if queue.closed || unfinished >= self.most {
            return Err(ApiError::busy(format_args!("{unfinished} jobs wait or run already")));
        }
        queue.last_id += 1;
        let view = JobView {
            id: queue.last_id,
            kind: kind.to_owned(),
            title,
            status: JobState::Queued,
            progress: None,
            done: 0,
            total: None,
            message: String::new(),
            log: Vec::new(),
            started: now(),
            ended: None,
        };
        let seen = watch::Sender::new(Seen { view, lines_lost: 0 });
        let job = Arc::new(Job { stop: AtomicBool::new(false), seen });
        queue.all.push_back(Arc::clone(&job));
        if queue.all.len() > REMEMBERED && queue.all.front().is_some_and(|job| job.has_ended()) {
            queue.all.pop_front();
        }
        queue.waiting.push_back((Arc::clone(&job), work));
        self.shared.changed.notify_one();
        Ok(job)
    }

    /// All that are remembered, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Job>> {
        self.shared.queue().all.iter().cloned().collect()
    }

    /// The job called `id`.
    pub(crate) fn by_id(&self, id: u64) -> Result<Arc<Job>, ApiError> {
        let found = self.shared.queue().all.iter().find(|job| job.seen.borrow().view.id == id).cloned();
        found.ok_or_else(|| {
            ApiError::not_found(format_args!("there is no job {id}")).hint("/api/jobs lists them")
        })
    }

    /// Asks a job to stop: at once if it waits, else when it looks.
    pub(crate) fn cancel(&self, job: &Arc<Job>) {
        job.stop.store(true, Ordering::Relaxed);
        let mut queue = self.shared.queue();
        if let Some(at) = queue.waiting.iter().position(|(waiting, _)| Arc::ptr_eq(waiting, job)) {
            queue.waiting.remove(at);
            job.end(JobState::Cancelled, "cancelled before it began".into());
        }
    }

    /// Stops all jobs and waits for the one that runs. What it had finished is kept.
    pub(crate) fn shut_down(&self) {
        {
            let mut queue = self.shared.queue();
            queue.closed = true;
            queue.all.iter().for_each(|job| job.stop.store(true, Ordering::Relaxed));
        }
        self.shared.changed.notify_all();
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            // A job's panic is caught where it runs, so there is none to hear of here.
            drop(worker.join());
        }
    }
}

impl SharedJobs {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let next = {
                let waits = |queue: &mut Queue| queue.waiting.is_empty() && !queue.closed;
                let queue = self.changed.wait_while(self.queue(), waits);
                queue.unwrap_or_else(PoisonError::into_inner).waiting.pop_front()
            };
            // Empty only when closed: what still waits then is ended as cancelled.
            let Some((job, work)) = next else { return };
            job.run(work);
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn wait_for_end(job: &Job) -> JobView {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !job.has_ended() && std::time::Instant::now() < until {
            thread::sleep(std::time::Duration::from_millis(2));
        }
        job.view()
    }

    #[test]
    fn jobs_run_one_after_the_other_and_say_what_they_did() {
        let jobs = Jobs::start(8).unwrap();
        let work: Work = Box::new(|job| {
            job.log("begun");
            job.progress(3, 3);
            Ok("3 tiles".into())
        });
        let first = jobs.add("index", "a".into(), work).unwrap();
        let second = jobs.add("index", "b".into(), Box::new(|_| Err("no such survey".into()))).unwrap();
        let view = wait_for_end(&first);
        assert_eq!((view.status, view.done, view.total), (JobState::Done, 3, Some(3)));
        assert_eq!(view.log, ["begun", "3 tiles"]);
        let view = wait_for_end(&second);
        assert_eq!((view.status, view.message.as_str()), (JobState::Failed, "no such survey"));
        jobs.shut_down();
    }

    #[test]
    fn a_job_that_panics_is_failed_and_the_next_one_runs() {
        let jobs = Jobs::start(8).unwrap();
        let first = jobs.add("index", "a".into(), Box::new(|_| panic!("a defect"))).unwrap();
        let second = jobs.add("index", "b".into(), Box::new(|_| Ok("done".into()))).unwrap();
        assert_eq!(wait_for_end(&first).status, JobState::Failed);
        assert_eq!(wait_for_end(&second).status, JobState::Done);
    }

    #[test]
    fn jobs_can_be_cancelled_running_and_waiting_and_too_many_are_refused() {
        let jobs = Jobs::start(2).unwrap();
        let (started, has_started) = mpsc::channel();
        let endless: Work = Box::new(move |job| {
            started.send(()).unwrap();
            while !job.is_to_stop() {
                thread::sleep(std::time::Duration::from_millis(1));
            }
            Ok("stopped after 5 sections".into())
        });
        let running = jobs.add("index", "a".into(), endless).unwrap();
        has_started.recv().unwrap();
        let waiting = jobs.add("index", "b".into(), Box::new(|_| Ok("done".into()))).unwrap();
        assert!(jobs.add("index", "c".into(), Box::new(|_| Ok(String::new()))).is_err());
        jobs.cancel(&waiting);
        assert_eq!(waiting.view().status, JobState::Cancelled);
        jobs.cancel(&running);
        assert_eq!(wait_for_end(&running).status, JobState::Cancelled);
        assert_eq!(running.view().message, "stopped after 5 sections");
    }

    #[test]
    fn shutting_down_ends_what_runs_and_what_waits() {
        let jobs = Jobs::start(8).unwrap();
        let endless = || -> Work {
            Box::new(|job| {
                while !job.is_to_stop() {
                    thread::sleep(std::time::Duration::from_millis(1));
                }
                Ok("stopped".into())
            })
        };
        let added = [
            jobs.add("index", "a".into(), endless()).unwrap(),
            jobs.add("index", "b".into(), endless()).unwrap(),
        ];
        jobs.shut_down();
        assert!(added.iter().all(|job| job.view().status == JobState::Cancelled));
        assert!(jobs.add("index", "c".into(), endless()).is_err());
    }

    #[test]
    fn a_log_keeps_its_last_lines() {
        let jobs = Jobs::start(8).unwrap();
        let job = jobs
            .add(
                "index",
                "a".into(),
                Box::new(|job| {
                    (0..1500).for_each(|line| job.log(line.to_string()));
                    Ok("end".into())
                }),
            )
            .unwrap();
        let view = wait_for_end(&job);
        assert_eq!((view.log.len(), view.log.first().map(String::as_str)), (LOG_LINES, Some("501")));
    }
}
