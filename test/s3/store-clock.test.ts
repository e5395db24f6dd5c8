// Which time a store is taken to have: what it says itself, when it says so twice, and as long as it goes by it.
import t from 'tap';
import { type Reading, StoreClock } from '../../src/s3/store-clock.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const START = Date.UTC(2024, 1, 29, 12);

/** A store and this machine, with clocks of their own. */
class Clocks {
  readonly told: number[] = [];
  readonly clock: StoreClock;
  /** How much later it is for the store than here, in milliseconds. */
  #ahead: number;
  #wall = START;
  #monotonic = 1000;

  constructor(ahead = 0) {
    this.#ahead = ahead;
    this.clock = new StoreClock(
      (offset) => this.told.push(Math.round(offset / MINUTE)),
      () => this.#wall,
      () => this.#monotonic,
    );
  }

  get store(): number {
    return this.#wall + this.#ahead;
  }

  /** By how much its time is taken for another than it is, in milliseconds. */
  get mistake(): number {
    return this.clock.now - this.store;
  }

  pass(milliseconds: number): void {
    this.#wall += milliseconds;
    this.#monotonic += milliseconds;
  }

  /** This machine's clock is set forward, or back. */
  set(milliseconds: number): void {
    this.#wall += milliseconds;
    this.#ahead -= milliseconds;
  }

  /** This machine sleeps, and knows afterwards what time it is. */
  sleep(milliseconds: number): void {
    this.#wall += milliseconds;
  }

  /** The time of the store becomes another. */
  drift(milliseconds: number): void {
    this.#ahead += milliseconds;
  }

  /** A request, and an answer to it some time later, with a Date. */
  ask({ says = 0, takes = 100, signed = this.clock.reading() } = {}): void {
    this.pass(takes);
    this.clock.heard(Math.floor((this.store + says) / SECOND) * SECOND, signed);
  }

  /** As often as it wants to be. */
  askUntilSure(says = 0): number {
    for (let times = 1; ; times++) {
      this.ask({ says });
      if (!this.clock.isInDoubt || times === 9) return times;
    }
  }
}

t.test('a clock that is right is believed after one answer, whatever seconds it is out by', (t) => {
  for (const ahead of [0, 5 * SECOND, -5 * SECOND, 58 * SECOND, -58 * SECOND]) {
    const clocks = new Clocks(ahead);
    t.equal(clocks.askUntilSure(), 1);
    t.equal(clocks.clock.reading().offset, 0, 'no difference');
  }
  t.end();
});

t.test('a clock that is wrong is known to be when two answers say so and one is signed by it', (t) => {
  for (const minutes of [2, 14, -14, 20, -600]) {
    const clocks = new Clocks(minutes * MINUTE);
    const signed = clocks.clock.reading();
    clocks.ask();
    t.equal(clocks.clock.reading().offset, 0, 'one answer is no proof');
    clocks.ask();
    t.ok(Math.abs(clocks.mistake) < 2 * SECOND);
    clocks.ask({ signed });
    t.ok(clocks.clock.isInDoubt, 'what was not signed by it is no proof, either');
    t.same(clocks.told, [], 'not told yet');
    clocks.ask();
    t.notOk(clocks.clock.isInDoubt);
    t.same(clocks.told, Math.abs(minutes) > 5 ? [minutes] : [], 'a few minutes are not worth a word');
    for (let times = 0; times < 3; times++) clocks.ask();
    t.ok(clocks.told.length <= 1, 'once');
  }
  t.end();
});

t.test('one Date that is wrong changes nothing, nor do several that came of the same moment', (t) => {
  const clocks = new Clocks();
  clocks.ask();
  clocks.ask({ says: 20 * MINUTE });
  clocks.ask({ says: -7 * MINUTE });
  clocks.ask();
  clocks.ask({ says: 20 * MINUTE });
  t.equal(clocks.clock.reading().offset, 0);
  clocks.ask();
  const [first, second] = [clocks.clock.reading(), clocks.clock.reading()];
  clocks.ask({ says: 20 * MINUTE, signed: first });
  clocks.ask({ says: 20 * MINUTE, signed: second });
  t.equal(clocks.clock.reading().offset, 0, 'sent before the other was here');
  t.ok(clocks.clock.isInDoubt);
  clocks.ask();
  t.notOk(clocks.clock.isInDoubt);
  t.end();
});

t.test('answers that were here long before they were read say nothing of the time now', (t) => {
  const clocks = new Clocks();
  clocks.ask();
  const signed = clocks.clock.reading();
  const answered = clocks.store;
  // The process is stopped.
  clocks.pass(20 * MINUTE);
  clocks.clock.heard(answered, signed);
  t.notOk(clocks.clock.isInDoubt);
  t.equal(clocks.clock.reading().offset, 0);
  t.end();
});

t.test('when the clock is set right there is no difference any more, at once', (t) => {
  const clocks = new Clocks(20 * MINUTE);
  clocks.askUntilSure();
  clocks.set(20 * MINUTE);
  t.ok(Math.abs(clocks.mistake) < 2 * SECOND);
  t.ok(clocks.clock.isToBeAsked, 'but the store is asked');
  t.ok(clocks.clock.listens);
  t.equal(clocks.askUntilSure(), 1);
  t.equal(clocks.clock.reading().offset, 0);
  t.notOk(clocks.clock.isToBeAsked);
  t.end();
});

t.test('when the clock is set wrong, the store is asked, and its time is known again', (t) => {
  for (const minutes of [-20, 20]) {
    const clocks = new Clocks();
    clocks.ask();
    const signed = clocks.clock.reading();
    clocks.set(minutes * MINUTE);
    t.ok(clocks.clock.isToBeAsked);
    clocks.ask({ signed });
    t.ok(clocks.clock.isToBeAsked, 'of what was asked before nothing is learned');
    clocks.askUntilSure();
    t.ok(Math.abs(clocks.mistake) < 2 * SECOND);
    t.same(clocks.told, [-minutes]);
  }
  t.end();
});

t.test('what changes little by little is followed, too', (t) => {
  const clocks = new Clocks();
  for (let times = 0; times < 20; times++) {
    clocks.drift(30 * SECOND);
    clocks.pass(15 * MINUTE);
    clocks.askUntilSure();
    t.ok(Math.abs(clocks.mistake) <= MINUTE + SECOND);
  }
  t.equal(clocks.told.length, 1);
  for (let times = 0; times < 20; times++) {
    clocks.set(30 * SECOND);
    clocks.askUntilSure();
    t.ok(Math.abs(clocks.mistake) <= MINUTE + SECOND);
  }
  t.end();
});

t.test('after a sleep it is as late as this machine says, and the store is asked', (t) => {
  const clocks = new Clocks();
  clocks.ask();
  clocks.sleep(600 * MINUTE);
  t.equal(clocks.mistake, 0);
  t.ok(clocks.clock.isToBeAsked);
  t.equal(clocks.askUntilSure(), 1);
  const behind = new Clocks(20 * MINUTE);
  behind.askUntilSure();
  behind.sleep(600 * MINUTE);
  behind.askUntilSure();
  t.ok(Math.abs(behind.mistake) < 2 * SECOND, 'a clock that is still wrong is known again');
  t.same(behind.told, [20], 'and not told again');
  t.end();
});

t.test(
  'a refusal for the time is believed at once, and another try is of use when it is signed by another',
  (t) => {
    const clocks = new Clocks(-180 * MINUTE);
    const { clock } = clocks;
    const [first, second] = [clock.reading(), clock.reading()];
    t.ok(clock.refused(clocks.store, first));
    t.ok(Math.abs(clocks.mistake) < 2 * SECOND);
    t.ok(clock.refused(clocks.store, second), 'another has found out');
    t.ok(clock.refused(undefined, second), 'though it says no time');
    t.same(clocks.told, []);
    clocks.ask();
    t.same(clocks.told, [-180], 'told when it has proved right');
    t.equal(new Clocks().clock.refused(undefined, new Clocks().clock.reading()), false);
    const right = new Clocks();
    t.equal(right.clock.refused(right.store, right.clock.reading()), false, 'it has no other time');
    const asked: Reading = right.clock.reading();
    right.set(20 * MINUTE);
    t.ok(right.clock.refused(right.store, asked), 'the clock was set meanwhile');
    t.end();
  },
);

t.test('a Date by which the store does not go is not believed', (t) => {
  const says = 20 * MINUTE;
  const clocks = new Clocks();
  const { clock } = clocks;
  clocks.ask({ says });
  clocks.ask({ says });
  t.ok(Math.abs(clocks.mistake - says) < 2 * SECOND);
  t.ok(clock.refused(clocks.store + says, clock.reading()), 'it is signed by this machine again');
  t.equal(clocks.mistake, 0);
  for (let times = 0; times < 9; times++) {
    t.equal(clocks.askUntilSure(says), 1);
    t.equal(clocks.mistake, 0, 'and from then on');
  }
  t.same(clocks.told, [], 'nothing is wrong with this clock');
  // Unless the store says that it goes by it.
  t.ok(clock.refused(clocks.store + says, clock.reading()));
  t.ok(Math.abs(clocks.mistake - says) < 2 * SECOND);
  t.end();
});

t.test('a store is listened to once a minute, and asked once in a quarter of an hour', (t) => {
  const clocks = new Clocks();
  const { clock } = clocks;
  t.ok(clock.listens && clock.isToBeAsked, 'nothing is known');
  clock.asking();
  t.notOk(clock.isToBeAsked, 'it is being asked');
  clocks.pass(MINUTE);
  t.ok(clock.isToBeAsked, 'it has not answered');
  clocks.ask();
  t.notOk(clock.listens || clock.isToBeAsked);
  clocks.pass(MINUTE);
  t.ok(clock.listens);
  t.notOk(clock.isToBeAsked);
  clocks.pass(14 * MINUTE);
  t.ok(clock.isToBeAsked);
  clocks.ask();
  t.notOk(clock.isToBeAsked);
  t.end();
});
