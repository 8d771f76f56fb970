// The faults: what is broken, where, and which test has to notice. `find` must stand in the file exactly once.
const model = 'test/model/promises.test.ts'
const scripts = 'test/model/scripts.test.ts'
const observer = 'test/model/observer.test.ts'
const settles = 'settle every job as settle.lua does'
const settleLua = 'packages/protocol/lua/settle.lua'
const verdict = 'packages/protocol/src/presence/verdict.ts'
const deaths = 'where workers die, are paused and come back, or are taken for dead while they live'

export const faults = [
  {
    name: 'no fence',
    breaks: 'a front takes the failure or loss of an older attempt than the newest',
    file: 'packages/protocol/src/exchanges.ts',
    find: "(entry.verb !== 'answer' && attempt < exchange.attempt)",
    replace: "(entry.verb !== 'answer' && attempt < 0)",
    test: [model, deaths],
  },
  {
    name: 'loss not counted as an attempt',
    breaks: 'a front does not learn from `lost` that there is a newer attempt',
    file: 'packages/protocol/src/exchanges.ts',
    find: 'else exchange.attempt = attempt + 1',
    replace: 'else exchange.attempt = attempt',
    test: [model, deaths],
  },
  {
    name: 'reply after removal from held',
    breaks: 'a worker that dies between the two has lost the job',
    file: 'packages/worker/src/runner.ts',
    find: 'this.#replies.add(job.respondTo, encode(), () => this.finish(job.source, job.popped))',
    replace:
      'this.finish(job.source, job.popped)\n    this.#replies.add(job.respondTo, encode(), () => undefined)',
    test: [
      'packages/worker/test/reply-first.test.ts',
      'keeps the job held, while others come and go, and removes it once the reply is there',
    ],
  },
  {
    name: 'sweep twice',
    breaks: 'two sweepers both move a job: the script does not look whether it is still held',
    file: settleLua,
    find: "if not redis.call('LPOS', KEYS[1], ARGV[1], 'RANK', -1) then return 'gone' end",
    replace: '',
    test: [scripts, settles],
  },
  {
    name: 'attempt not counted',
    breaks: 'a job that kills its workers does so for ever',
    file: settleLua,
    find: "strikes = redis.call('RPUSH', KEYS[3], ARGV[4])",
    replace: 'strikes = 1',
    test: [scripts, settles],
  },
  {
    name: 'same id for the next attempt',
    breaks: 'a late worker and the one that has the job now cannot be told apart',
    file: verdict,
    find: 'attemptId(base, attempt + 1)',
    replace: 'attemptId(base, attempt)',
    test: [model, deaths],
  },
  {
    name: 'all jobs retried',
    breaks: 'what may not be run twice is',
    file: verdict,
    find: 'return meta ? meta.retry : ',
    replace: 'return meta ? true : ',
    test: [model, deaths],
  },
  {
    name: 'loss not told',
    breaks: 'a front waits for its deadline, and takes the failure of an attempt that is over',
    file: settleLua,
    find: '  tell(ARGV[10])\n',
    replace: '',
    test: [scripts, settles],
  },
  {
    name: 'budget ignored',
    breaks: 'jobs that kill workers are retried without end while many come',
    file: settleLua,
    find: 'if tokens and tokens < 1 then',
    replace: 'if tokens and tokens < -1e9 then',
    test: [scripts, settles],
  },
  {
    name: 'dead list unbounded',
    breaks: 'poisoned jobs fill Redis',
    file: settleLua,
    find: "  redis.call('LTRIM', KEYS[4], 0, ARGV[12] - 1)\n",
    replace: '',
    test: [scripts, settles],
  },
  {
    name: 'delay that does not grow',
    breaks: 'a job nobody waits for is tried again every second',
    file: settleLua,
    find: 'delay = math.min(delay * 2 ^ (strikes - 1), tonumber(ARGV[8]))',
    replace: 'delay = math.min(delay, tonumber(ARGV[8]))',
    test: [scripts, settles],
  },
  {
    name: 'cancel the neighbour',
    breaks: 'a client that leaves ends the jobs of others',
    file: 'packages/worker/src/runner.ts',
    find: 'if (gone || ids.has(job.base))',
    replace: 'if (ids.size > 0)',
    test: [
      'packages/worker/test/signals.test.ts',
      'is not touched by a cancel of others, nor by what is no cancel',
    ],
  },
  {
    name: 'zombie not refused',
    breaks: 'a worker that was swept removes by count from a list it no longer knows',
    file: 'packages/worker/lua/take.lua',
    find: "if not redis.call('ZSCORE', KEYS[5], ARGV[8]) then return redis.error_reply('SWEPT this worker is not registered') end\n",
    replace: '',
    test: [scripts, 'remove and move jobs as take.lua does, and refuse whoever is not registered'],
  },
  {
    name: 'swept although it is back',
    breaks: 'a sweeper takes jobs from a worker that is here again and runs them',
    file: settleLua,
    find: "if ARGV[15] ~= '' and redis.call('ZSCORE', KEYS[8], ARGV[15]) then return 'gone' end\n",
    replace: '',
    test: [scripts, settles],
  },
  {
    name: 'suspects not alone',
    breaks: 'one poisoned job takes innocent ones to the dead list with it',
    file: 'packages/worker/src/suspects.ts',
    find: 'const early = alone ?',
    replace: 'const early = alone && this.#stopped ?',
    test: [
      'packages/worker/test/alone.test.ts',
      'begin one after the other, each once it is named and the one before has ended',
    ],
  },
  {
    name: 'swept suspect begun',
    breaks: 'a job runs here although a sweeper has given it to another worker',
    file: 'packages/worker/src/suspects.ts',
    find: '} else if (popped.done || popped.begun) {',
    replace: '} else if (popped.begun) {',
    test: [
      'packages/worker/test/alone.test.ts',
      'do not begin where they were swept while they were named',
    ],
  },
  {
    name: 'observation not begun anew',
    breaks: 'after a stall of its own an observer takes everybody for dead',
    file: 'packages/protocol/src/presence/observer.ts',
    find: 'const away = now - this.#lookedAt > AWAY_MS || now - askedAt > AWAY_MS',
    replace: 'const away = this.#lookedAt === -Infinity',
    test: [observer, 'begins anew after a stall of its own: what it did not see proves nothing'],
  },
  {
    name: 'accused without an own beat',
    breaks: 'where no beat gets through, everybody is taken for dead',
    file: 'packages/protocol/src/presence/observer.ts',
    find: 'if (!own || this.#lookedAt - own.changedAt > OWN_MS) return []',
    replace: 'if (!own) return []',
    test: [observer, 'accuses nobody while its own beat does not arrive'],
  },
  {
    name: 'epoch ignored',
    breaks: 'what came back from a snapshot is run again',
    file: verdict,
    find: "meta.epoch !== '' && meta.epoch !== epoch",
    replace: "meta.epoch !== '' && meta.epoch === epoch && meta.epoch !== epoch",
    test: [model, 'where Redis is restarted, with nothing or with a snapshot'],
  },
  {
    name: 'LTRIM sent twice',
    breaks: 'replies are thrown away unread',
    file: 'packages/protocol/src/mailbox.ts',
    find: 'const trimmed = handled > 0',
    replace:
      "if (handled > 0) void this.#link.send('ltrim', [this.key, handled, -1])\n    const trimmed = handled > 0",
    test: [
      'packages/protocol/test/mailbox.test.ts',
      'takes 5,000 entries at once, among them many of 100 KB, in reads of about 4 MB',
    ],
  },
  {
    name: 'predecessor not killed',
    breaks: 'what an old connection had still to send is carried out behind the new one',
    file: 'packages/protocol/src/link.ts',
    find: "if (before.length > 0) await this.#send('client', ['KILL', ...before])",
    replace: '',
    test: ['packages/protocol/test/link.test.ts', 'kills its predecessor before it is up again'],
  },
  {
    name: 'deadline early',
    breaks: 'a 504 although the answer was in time',
    file: 'packages/protocol/src/wheel.ts',
    find: '  turn(): void {\n    const now = this.#now()',
    replace: '  turn(): void {\n    const now = this.#now() + 30',
    test: [
      'packages/protocol/test/wheel.test.ts',
      'expires once, never early, and at the first turn after it was due',
    ],
  },
  {
    name: 'unfinished removed by count',
    breaks: 'a job that still runs is out of the held list, and lost with its worker',
    file: 'packages/worker/src/held.ts',
    find: 'while (this.#first?.done) {',
    replace: 'while (this.#first && this.#done > 0) {',
    test: [
      'packages/worker/test/held.test.ts',
      'loses no unfinished job and runs no finished one again, whatever is lost on the way',
    ],
  },
  {
    name: 'removal under way forgotten',
    breaks: 'after a broken connection a job that was answered is run again',
    file: 'packages/worker/src/held.ts',
    find: 'for (const popped of this.#removing.flatMap((removal) => removal.jobs)) remember(popped)',
    replace: '',
    test: [
      'packages/worker/test/held.test.ts',
      'loses no unfinished job and runs no finished one again, whatever is lost on the way',
    ],
  },
]
