//! `skink chain verify --jobs`: one job a line, one answer a line, in order, on every core.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use skink_chain::job::{self, BadJob};

use super::files::now;

/// The longest line that is read.
const LONGEST: usize = 1 << 28;
/// Lines in hand for each worker.
const AHEAD: usize = 4;
/// Room for a path of any length that the budget allows.
const STACK: usize = 16 << 20;

/// A line, or that it was too long.
type Line = Result<Vec<u8>, BadJob>;

struct Task {
    line: Line,
    answer: SyncSender<String>,
}

/// Reads standard input to its end.
pub(crate) fn run() -> Result<()> {
    let workers = thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let (to_workers, tasks) = sync_channel::<Task>(workers * AHEAD);
    let (in_order, answers) = sync_channel::<Receiver<String>>(workers * AHEAD);
    let tasks = Arc::new(Mutex::new(tasks));
    for number in 0..workers {
        let tasks = Arc::clone(&tasks);
        thread::Builder::new()
            .name(format!("job-{number}"))
            .stack_size(STACK)
            .spawn(move || work(&tasks))
            .context("cannot start a thread")?;
    }
    let reader = thread::spawn(move || read(&to_workers, &in_order));
    write(&answers)?;
    match reader.join() {
        Ok(read) => read.context("cannot read the jobs"),
        Err(_) => anyhow::bail!("reading the jobs broke off"),
    }
}

fn read(
    to_workers: &SyncSender<Task>,
    in_order: &SyncSender<Receiver<String>>,
) -> std::io::Result<()> {
    let mut input = BufReader::with_capacity(1 << 16, std::io::stdin().lock());
    while let Some(line) = next_line(&mut input)? {
        let (answer, receiver) = sync_channel(1);
        // A closed channel means that nobody reads the answers any more.
        if in_order.send(receiver).is_err() || to_workers.send(Task { line, answer }).is_err() {
            break;
        }
    }
    Ok(())
}

/// The next line that is not blank.
fn next_line(input: &mut impl BufRead) -> std::io::Result<Option<Line>> {
    loop {
        let mut line = Vec::new();
        let most = u64::try_from(LONGEST).unwrap_or(u64::MAX);
        if input.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.len() == LONGEST && line.last() != Some(&b'\n') {
            input.skip_until(b'\n')?;
            return Ok(Some(Err(BadJob::TooLong(LONGEST))));
        }
        if !line.trim_ascii().is_empty() {
            return Ok(Some(Ok(line)));
        }
    }
}

fn work(tasks: &Mutex<Receiver<Task>>) {
    loop {
        let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Task { line, answer }) = task else { return };
        // One job that breaks the program must not take the others along.
        let text = catch_unwind(AssertUnwindSafe(|| perform(&line)))
            .unwrap_or_else(|_| written(&BadJob::Broken.answer()));
        let _ = answer.send(text);
    }
}

fn perform(line: &Line) -> String {
    let answer = match line {
        Ok(line) => job::answer(line, now()),
        Err(bad) => bad.answer(),
    };
    written(&answer)
}

fn written(answer: &skink_chain::Answer) -> String {
    // Strings and lists of them always have a JSON form.
    serde_json::to_string(answer).unwrap_or_default()
}

fn write(answers: &Receiver<Receiver<String>>) -> Result<()> {
    let mut output = std::io::stdout().lock();
    for answer in answers {
        let answer = answer.recv().context("a job got no answer")?;
        writeln!(output, "{answer}").and_then(|()| output.flush()).context("cannot answer")?;
    }
    Ok(())
}
