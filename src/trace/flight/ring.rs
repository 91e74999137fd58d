//! The ring: words in blocks, and what a reader must know to begin at a block.
//!
//! The oldest block makes room as a whole, so that what the words say by reference to those before them (the time,
//! the turn, the last timer) need be noted once a block, and what was kept for them is cleared up once a block.

/// What the words so far say, as whoever reads on from there must know it.
#[derive(Clone, Copy, Default)]
pub(super) struct Context {
    /// The time in nanoseconds.
    pub(super) at: u64,
    pub(super) turn: u64,
    /// The turn's last phase, by its number; 0: none yet.
    pub(super) phase: u64,
    /// The bit `INSIDE`, if a poll was told to have begun, and not to have ended; else 0.
    pub(super) open: u64,
    /// The task of that poll, or the one that ended last.
    pub(super) actor: u64,
    /// The task that was spawned last.
    pub(super) newest: u64,
    /// The number that was last told of each class of leaf that has one.
    pub(super) last: [u64; 3],
    /// How many events were told.
    pub(super) events: u64,
}

pub(super) struct Ring {
    words: Vec<u64>,
    /// Where the next word goes.
    cursor: usize,
    /// From here on the block has no room for all the words of an event.
    full: usize,
    /// How many words a block has.
    size: usize,
    /// The number of the block that is written; blocks are counted from 0.
    pub(super) block: u64,
    /// The number of the oldest block.
    pub(super) tail: u64,
    /// For each block in the ring, what was said before it.
    contexts: Vec<Context>,
}

/// The words of an event, those before it included, are at most so many.
const MOST_AN_EVENT: usize = 24;

impl Ring {
    /// Keeps at least so many words, and the block that is being written.
    pub(super) fn new(words: usize) -> Ring {
        const BLOCKS: usize = 16;
        let used = words.div_ceil(BLOCKS).max(4 * MOST_AN_EVENT);
        let (size, blocks) = (used + MOST_AN_EVENT, words.div_ceil(used) + 1);
        Ring {
            words: vec![0; size * blocks],
            cursor: 0,
            full: size - MOST_AN_EVENT,
            size,
            block: 0,
            tail: 0,
            contexts: vec![Context::default(); blocks],
        }
    }

    /// Whether a block must begin before an event is written.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.cursor >= self.full
    }

    #[inline]
    pub(super) fn put(&mut self, word: u64) {
        self.words[self.cursor] = word;
        self.cursor += 1;
    }

    /// An event's only word, if the block has room for an event; whether it has.
    #[inline(always)]
    pub(super) fn put_alone(&mut self, word: u64) -> bool {
        if self.cursor >= self.full {
            return false;
        }
        self.put(word);
        true
    }

    /// Where the next word goes: names the last one, for `amend`.
    #[inline]
    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Sets bits of the word before the cursor.
    #[inline]
    pub(super) fn amend(&mut self, bits: u64) {
        self.words[self.cursor - 1] |= bits;
    }

    /// Begins a block, in place of the oldest one if the ring is full; the rest of the last one stays empty.
    pub(super) fn begin_block(&mut self, context: Context) {
        let blocks = self.contexts.len() as u64;
        let end = self.end_of(self.block);
        self.words[self.cursor..end].fill(0);
        self.block += 1;
        self.tail = self.tail.max((self.block + 1).saturating_sub(blocks));
        let start = end % self.words.len();
        (self.cursor, self.full) = (start, start + self.size - MOST_AN_EVENT);
        self.contexts[(self.block % blocks) as usize] = context;
    }

    /// What is kept begins with the block that is being written.
    pub(super) fn forget(&mut self) {
        self.tail = self.block;
    }

    /// What was said before the words of a block.
    pub(super) fn context(&self, block: u64) -> &Context {
        &self.contexts[(block % self.contexts.len() as u64) as usize]
    }

    pub(super) fn context_mut(&mut self, block: u64) -> &mut Context {
        let blocks = self.contexts.len() as u64;
        &mut self.contexts[(block % blocks) as usize]
    }

    /// The words kept, oldest first, by blocks.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &[u64]> {
        (self.tail..=self.block).map(|block| {
            let end = self.end_of(block);
            &self.words[end - self.size..if block == self.block { self.cursor } else { end }]
        })
    }

    fn end_of(&self, block: u64) -> usize {
        ((block % self.contexts.len() as u64) as usize + 1) * self.size
    }
}
