//! Chunks in order of arrival: their rows into the table, their ordinals made final, the schema widened.

use std::sync::Arc;

use super::LoadError;
use super::chunk::{Chunk, Position};
use super::decoder::{Decoded, Decoder, Stop};
use super::loader::{Loader, Pending};
use super::pool::{Done, Task};
use super::rules::Rules;
use super::table::File;

impl Loader {
    /// Waits for one thing to be done, and commits what can be.
    pub(super) fn receive(&mut self) -> Result<(), LoadError> {
        match self.pool.next() {
            Some(Done::Decoded(number, result)) => self.keep(number, *result),
            Some(Done::Encoded(encoded)) => {
                self.table.put(encoded?);
            }
            None => return Err(LoadError::Parquet("a thread has ended".to_owned())),
        }
        while let Some(pending) = self.under_way.first_entry().filter(|first| first.get().result.is_some()) {
            let Pending { chunk, result } = pending.remove();
            self.commit(&chunk, result)?;
        }
        Ok(())
    }

    fn keep(&mut self, number: u64, result: Result<Decoded, Stop>) {
        if let Some(pending) = self.under_way.get_mut(&number) {
            pending.result = Some(result);
        }
    }

    /// Takes a chunk in; without a result it is decoded here.
    pub(super) fn commit(
        &mut self,
        chunk: &Chunk,
        result: Option<Result<Decoded, Stop>>,
    ) -> Result<(), LoadError> {
        let (decoded, base) = match result {
            Some(Ok(decoded)) => (decoded, self.position),
            // Whatever is out of the ordinary is looked at again here, where the positions are known.
            other => {
                let first = other.is_none();
                (self.decode_here(chunk, first)?, Position::default())
            }
        };
        self.position = decoded.end_after(&base);
        if self.repeat {
            return Ok(());
        }
        self.quarantined += decoded.quarantine.write(base.row, &mut self.quarantine);
        if let Some(mut block) = decoded.block {
            block.carry(base.row);
            self.rows += block.rows();
            self.table.add(block);
        }
        if self.table.held() >= self.options.rows_bytes() {
            self.encode(None)?;
            self.relieve();
        }
        Ok(())
    }

    /// Gives out files, or stretches of them, so that those under way keep to their share of memory.
    fn relieve(&mut self) {
        if self.options.appends {
            let stretches = self.table.hand_out(&self.rules, &self.load);
            self.ready.extend(stretches);
        }
        let most = self.options.files_bytes();
        if self.table.written() > most {
            let files = self.table.end(most / 2, &self.rules, &self.load);
            self.ready.extend(files);
        }
    }

    /// Decodes a chunk, the schema widened as often as it asks for. Unless it is the `first`, the load is repeated then.
    fn decode_here(&mut self, chunk: &Chunk, first: bool) -> Result<Decoded, LoadError> {
        loop {
            match self.own.decode(&self.rules, chunk, self.position) {
                Ok(decoded) => return Ok(decoded),
                Err(Stop::Wider) => self.widen(chunk)?,
                Err(stop) => return Err(stop.into()),
            }
            if !first {
                self.repeat = true;
                self.table.clear();
            }
        }
    }

    fn widen(&mut self, chunk: &Chunk) -> Result<(), LoadError> {
        let schema = Decoder::new(&self.rules)?.widened(chunk, self.position)?;
        self.wider = true;
        self.rules = Arc::new(Rules::new(&self.rules.spec, schema, self.options.lineage));
        Ok(())
    }

    /// Encodes all rows that wait for it. With `give` these are the last, so that each file ends with its rows.
    pub(super) fn encode(&mut self, mut give: Option<&mut dyn FnMut(File)>) -> Result<(), LoadError> {
        let (blocks, jobs) = self.table.jobs();
        let mut left = jobs.len();
        for job in jobs {
            self.pool.submit(Task::Encode(Arc::clone(&self.rules), Arc::clone(&blocks), job));
        }
        while left > 0 {
            match self.pool.next() {
                Some(Done::Decoded(number, result)) => self.keep(number, *result),
                Some(Done::Encoded(encoded)) => {
                    let first = self.table.put(encoded?);
                    if let Some(give) = &mut give {
                        self.table.end_one(first, &self.rules, &self.load).into_iter().for_each(give);
                    }
                    left -= 1;
                }
                None => return Err(LoadError::Parquet("a thread has ended".to_owned())),
            }
        }
        Ok(())
    }
}

impl Decoded {
    /// Where the next chunk begins, if this one began at `base`.
    fn end_after(&self, base: &Position) -> Position {
        let (carried, within) = (u64::from(self.carried), usize::from(self.within));
        Position {
            row: self.end.row + base.row * carried,
            bytes: self.end.bytes + base.bytes * within,
            lines: self.end.lines + base.lines * within,
        }
    }
}

impl From<Stop> for LoadError {
    fn from(stop: Stop) -> LoadError {
        match stop {
            Stop::Load(error) => error,
            Stop::Page(source) => LoadError::Page { page: String::new(), source },
            Stop::Wider => LoadError::Parquet("the schema is wider than it can be".to_owned()),
        }
    }
}
