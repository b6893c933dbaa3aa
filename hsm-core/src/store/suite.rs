//! The conformance suite: what every [`Journal`] must keep.
//!
//! Each implementation's tests call [`run`] with an empty journal. A broken promise comes back as its name.

use std::time::{Duration, Instant};

use hsm_types::{ObjectId, UserId};

use super::journal::{
    Batch, Change, Entry, Journal, JournalError, OperationTag, Outcome, Precondition, Presence, RecordKey, Revision,
    Sealed, SearchToken, Write,
};

/// Runs every check on a journal that holds no record.
///
/// # Errors
/// The promise that was broken, or the journal's own failure.
pub fn run(journal: &dyn Journal) -> Result<(), String> {
    let checks: [(&str, Check); 8] = [
        ("a committed batch is read back whole", committed_is_read_back),
        ("a precondition that does not hold refuses the whole batch and shows what is there", refusals),
        ("a batch over a limit is refused", limits),
        ("a batch that could be applied twice is refused", unconditional),
        ("a batch of unknown outcome can be asked for", unknown_outcome),
        ("a subscriber sees whole revisions, and resumes where it stopped", subscription),
        ("a snapshot shows every record once, at one revision", snapshot),
        ("a member is present until it leaves", presence),
    ];
    for (promise, check) in checks {
        check(journal).map_err(|broken| format!("{promise}: {broken}"))?;
    }
    Ok(())
}

type Check = fn(&dyn Journal) -> Result<(), Broken>;

/// What was found instead.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Promise(&'static str),
    #[error("{0}")]
    Journal(#[from] JournalError),
}

fn ensure(holds: impl Into<Option<bool>>, otherwise: &'static str) -> Result<(), Broken> {
    match holds.into() {
        Some(true) => Ok(()),
        _ => Err(Broken::Promise(otherwise)),
    }
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn value(bytes: &[u8]) -> Sealed {
    Sealed { bytes: bytes.to_vec(), search: Vec::new() }
}

fn object(id: u64) -> RecordKey {
    RecordKey::Object(ObjectId(id))
}

fn commit(journal: &dyn Journal, batch: &Batch) -> Result<Revision, Broken> {
    match journal.propose(batch, deadline())? {
        Outcome::Committed(revision) => Ok(revision),
        Outcome::Refused { .. } => Err(Broken::Promise("refused although every precondition holds")),
    }
}

fn create(journal: &dyn Journal, key: RecordKey, bytes: &[u8]) -> Result<Revision, Broken> {
    let mut batch = Batch::new();
    batch.create(key, value(bytes));
    commit(journal, &batch)
}

fn read(journal: &dyn Journal, key: RecordKey) -> Result<Option<Entry>, Broken> {
    Ok(journal.read(&[key], deadline())?.1.pop().flatten())
}

fn committed_is_read_back(journal: &dyn Journal) -> Result<(), Broken> {
    let (first, second) = (object(0x101), RecordKey::User(UserId(0x102)));
    let with_tokens = Sealed { bytes: b"one".to_vec(), search: vec![SearchToken([1; 16]), SearchToken([2; 16])] };
    let mut batch = Batch::new();
    batch.create(first, with_tokens.clone());
    batch.create(second, value(b"two"));
    let revision = commit(journal, &batch)?;
    let (at, entries) = journal.read(&[first, object(0x103), second], deadline())?;
    ensure(at >= revision, "read at a revision before the commit")?;
    let expected = [
        Some(Entry { key: first, revision, value: with_tokens }),
        None,
        Some(Entry { key: second, revision, value: value(b"two") }),
    ];
    ensure(entries == expected, "another record was read than was written")?;
    let next = create(journal, object(0x104), b"three")?;
    ensure(next > revision, "revisions do not grow")
}

fn refusals(journal: &dyn Journal) -> Result<(), Broken> {
    let (held, new) = (object(0x201), object(0x202));
    let revision = create(journal, held, b"held")?;
    let generation = journal.history()?.generation;
    let refusing = [
        Precondition::Absent(held),
        Precondition::AtRevision(held, Revision(revision.0 + 1)),
        Precondition::AtRevision(object(0x203), revision),
        Precondition::Generation(generation + 1),
    ];
    for precondition in refusing {
        let mut batch = Batch::new();
        batch.create(new, value(b"new"));
        let shows = precondition.key() == Some(held);
        batch.preconditions.push(precondition);
        match journal.propose(&batch, deadline())? {
            Outcome::Committed(_) => return Err(Broken::Promise("written although a precondition does not hold")),
            Outcome::Refused { at, current } => {
                ensure(at >= revision, "refused at a revision of the past")?;
                let shown = current.get(1).map(|entry| entry.as_ref().is_some_and(|entry| entry.revision == revision));
                ensure(current.len() == 2 && shown == Some(shows), "the refusal does not show what is there")?;
            }
        }
        ensure(read(journal, new)?.is_none(), "half of a refused batch was written")?;
    }
    let mut batch = Batch::new();
    batch.replace(held, revision, value(b"next"));
    batch.preconditions.push(Precondition::Generation(generation));
    let next = commit(journal, &batch)?;
    ensure(read(journal, held)?.map(|entry| entry.revision == next), "not written although all preconditions hold")
}

fn limits(journal: &dyn Journal) -> Result<(), Broken> {
    let mut many = Batch::new();
    let ids = 0x300..0x300 + u64::try_from(Batch::MAX_OPERATIONS).unwrap_or(u64::MAX);
    ids.for_each(|id| many.create(object(id), value(b"small")));
    commit(journal, &many)?;
    many.create(object(0x3ff), value(b"one more"));
    let refused = journal.propose(&many, deadline());
    ensure(matches!(refused, Err(JournalError::TooLarge(_))), "101 operations were taken")?;

    let mut large = Batch::new();
    large.create(object(0x400), value(&vec![0; Batch::MAX_BYTES]));
    let refused = journal.propose(&large, deadline());
    ensure(matches!(refused, Err(JournalError::TooLarge(_))), "more than 1 MiB was taken")?;
    create(journal, object(0x401), &vec![0; Batch::MAX_BYTES - 64]).map(drop)
}

fn unconditional(journal: &dyn Journal) -> Result<(), Broken> {
    let (key, other) = (object(0x501), object(0x502));
    let revision = create(journal, other, b"other")?;
    let writes = vec![Write::Put(key, value(b"new"))];
    for preconditions in [Vec::new(), vec![Precondition::AtRevision(other, revision)]] {
        let batch = Batch { preconditions, writes: writes.clone(), tag: None };
        let refused = journal.propose(&batch, deadline());
        ensure(refused == Err(JournalError::Unconditional), "a batch without a precondition of its own was taken")?;
    }
    let twice = [Write::Put(key, value(b"1")), Write::Put(key, value(b"2"))];
    let batch = Batch { preconditions: vec![Precondition::Absent(key)], writes: twice.to_vec(), tag: None };
    let refused = journal.propose(&batch, deadline());
    ensure(matches!(refused, Err(JournalError::Invalid(_))), "a batch that writes a key twice was taken")
}

fn unknown_outcome(journal: &dyn Journal) -> Result<(), Broken> {
    let key = object(0x601);
    let mut batch = Batch::new();
    batch.create(key, value(b"once"));
    batch.tag = Some(OperationTag { hsm: 6, lane: 1, id: [6; 16] });
    let revision = commit(journal, &batch)?;
    let again = journal.propose(&batch, deadline())?;
    ensure(again == Outcome::Committed(revision), "a batch that was committed is refused when it is sent again")?;
    let stored = read(journal, key)?.map(|entry| entry.revision == revision);
    ensure(stored, "a batch was applied twice")?;

    // Another batch with the same content, and the first one after another has used its lane, are simply refused.
    batch.tag = Some(OperationTag { hsm: 6, lane: 1, id: [7; 16] });
    let other = journal.propose(&batch, deadline())?;
    ensure(matches!(other, Outcome::Refused { .. }), "somebody else's batch was taken for this one")
}

fn subscription(journal: &dyn Journal) -> Result<(), Broken> {
    let start = create(journal, object(0x701), b"before")?;
    let mut changes = journal.subscribe(start)?;
    ensure(changes.poll()?.is_none(), "a change is shown that the subscriber had seen")?;

    let mut batch = Batch::new();
    batch.create(object(0x702), value(b"a"));
    batch.create(object(0x703), value(b"b"));
    let both = commit(journal, &batch)?;
    let mut remove = Batch::new();
    remove.require(object(0x701), start);
    remove.writes.push(Write::Remove(object(0x701)));
    let removed = commit(journal, &remove)?;

    let mut seen = Vec::new();
    let mut reached = start;
    while let Some(Change { revision, records }) = changes.poll()? {
        ensure(revision > reached, "changes do not come in order")?;
        let half = records.iter().filter(|(key, _)| [object(0x702), object(0x703)].contains(key)).count();
        ensure(half != 1, "half a revision was shown")?;
        reached = revision;
        seen.extend(records);
    }
    ensure(reached >= removed, "changes are missing at the end")?;
    let shown = |key, revision| {
        let is = |(shown, entry): &(RecordKey, Option<Entry>)| {
            *shown == key && entry.as_ref().map(|entry| entry.revision) == revision
        };
        seen.iter().any(is)
    };
    let all = shown(object(0x702), Some(both)) && shown(object(0x703), Some(both)) && shown(object(0x701), None);
    ensure(all, "a change is missing")?;

    let mut resumed = journal.subscribe(both)?;
    let missed = resumed.poll()?.map(|change| change.records.iter().any(|(key, _)| *key == object(0x701)));
    ensure(missed, "a subscriber that resumes misses a change")
}

fn snapshot(journal: &dyn Journal) -> Result<(), Broken> {
    let last = create(journal, object(0x801), b"last")?;
    let mut keys = Vec::new();
    let mut newest = Revision(0);
    let revision = journal.snapshot(&mut |entry| {
        newest = newest.max(entry.revision);
        keys.push(entry.key.to_string());
        Ok(())
    })?;
    ensure(revision >= last && newest <= revision, "the snapshot is of another revision than it says")?;
    ensure(keys.contains(&object(0x801).to_string()), "a record is missing")?;
    ensure(keys.is_sorted_by(|first, second| first < second), "records are out of order or shown twice")?;
    let stopped = journal.snapshot(&mut |_| Err(JournalError::Compacted));
    ensure(stopped == Err(JournalError::Compacted), "the sink's own error is not given back")
}

fn presence(journal: &dyn Journal) -> Result<(), Broken> {
    let presence = Presence { node: 0x901, value: value(b"here") };
    let key = RecordKey::Node(presence.node);
    let member = journal.join(&presence, Duration::from_secs(5))?;
    ensure(read(journal, key)?.map(|entry| entry.value == presence.value), "a member is not shown")?;
    ensure(!member.lost(), "a member that has just joined is lost")?;
    drop(member);
    ensure(read(journal, key)?.is_none(), "a member is shown after it left")
}
