/**
 * Who waits for what is called, most urgent first. `people`: somebody who has shown a right to it waits
 * for the answer, such as a user who redeems a link or a script whose token is known. `strangers`: nobody
 * yet, such as a sign-in or an unknown token. `background`: nobody waits.
 */
export type CallRank = "people" | "strangers" | "background";

export interface Caller {
  readonly rank: CallRank;
  /** Whose line it waits in, such as a client's network. Of one rank, parties take turns. */
  readonly party: string;
}

export interface TurnsOptions {
  /** Turns at the same time. */
  readonly atOnce: number;
  readonly longestWaitMs: number;
}

export interface Turns {
  /** @returns what ends the turn; undefined where none came in time, or too many wait already */
  take(caller: Caller): Promise<(() => void) | undefined>;
  /** How many have a turn, and how many wait for one. */
  load(): { underWay: number; waiting: number };
  /** From now on nobody waits, and who does goes on: for the end of the process. */
  open(): void;
}

/** Of eight turns, where all wait. Where a rank has nobody waiting, its turn is the next rank's. */
const CYCLE: readonly CallRank[] = [
  "people",
  "strangers",
  "people",
  "people",
  "strangers",
  "people",
  "people",
  "background",
];
const RANKS: readonly CallRank[] = ["people", "strangers", "background"];
/** More at once of one unknown party would not answer it any sooner. */
const MOST_OF_ONE_STRANGER = 4;
/** A waiting call costs memory alone: these only keep that from growing without end. */
const LONGEST_LINE = 250;
const MOST_WAITING = 1000;

interface Waiter {
  readonly caller: Caller;
  readonly resolve: (end: (() => void) | undefined) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Fair waiting for few places. Ranks share them as `CYCLE` says; within a rank each party is served in
 * turn, so that one with a hundred calls delays another's by one. A quarter of the places is for people
 * alone: strangers whose calls hang must not hold them all.
 */
export function createTurns({ atOnce, longestWaitMs }: TurnsOptions): Turns {
  /** Parties in the order of their turns, each with its calls in the order they came. */
  const lines: Record<CallRank, Map<string, Waiter[]>> = {
    people: new Map(),
    strangers: new Map(),
    background: new Map(),
  };
  const underWay: Record<CallRank, number> = { people: 0, strangers: 0, background: 0 };
  const waiting: Record<CallRank, number> = { people: 0, strangers: 0, background: 0 };
  const ofStranger = new Map<string, number>();
  const mostOfOthers = atOnce - Math.floor(atOnce / 4);
  let position = 0;
  let isOpen = false;

  const total = () => underWay.people + underWay.strangers + underWay.background;

  function mayBegin({ rank, party }: Caller): boolean {
    if (isOpen) return true;
    if (total() >= atOnce) return false;
    if (rank === "people") return true;
    if (underWay.strangers + underWay.background >= mostOfOthers) return false;
    return rank !== "strangers" || (ofStranger.get(party) ?? 0) < MOST_OF_ONE_STRANGER;
  }

  /** @returns what ends the turn; ending it twice is ending it once */
  function begin({ rank, party }: Caller): () => void {
    underWay[rank] += 1;
    if (rank === "strangers") ofStranger.set(party, (ofStranger.get(party) ?? 0) + 1);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      underWay[rank] -= 1;
      if (rank === "strangers") {
        const left = (ofStranger.get(party) ?? 1) - 1;
        if (left === 0) ofStranger.delete(party);
        else ofStranger.set(party, left);
      }
      admit();
    };
  }

  function admit(): void {
    for (let next = takeNext(); next; next = takeNext()) {
      clearTimeout(next.timer);
      next.resolve(begin(next.caller));
    }
  }

  function takeNext(): Waiter | undefined {
    const first = CYCLE[position % CYCLE.length] as CallRank;
    for (const rank of [first, ...RANKS.filter((one) => one !== first)]) {
      for (const [party, line] of lines[rank]) {
        const [waiter] = line;
        if (!waiter || !mayBegin(waiter.caller)) continue;
        position += 1;
        leave(waiter);
        // To the end: the others' turns come first.
        if (line.length > 0) {
          lines[rank].delete(party);
          lines[rank].set(party, line);
        }
        return waiter;
      }
    }
    return undefined;
  }

  function leave(waiter: Waiter): void {
    const { rank, party } = waiter.caller;
    const line = lines[rank].get(party);
    const at = line?.indexOf(waiter) ?? -1;
    if (!line || at === -1) return;
    line.splice(at, 1);
    waiting[rank] -= 1;
    if (line.length === 0) lines[rank].delete(party);
  }

  return {
    async take(caller) {
      const { rank, party } = caller;
      // Whoever waits and may begin has begun already: nobody is overtaken here.
      if (mayBegin(caller)) return begin(caller);
      const line = lines[rank].get(party) ?? [];
      if (line.length >= LONGEST_LINE || waiting[rank] >= MOST_WAITING) return undefined;
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          leave(waiter);
          resolve(undefined);
        }, longestWaitMs);
        const waiter: Waiter = { caller, resolve, timer };
        line.push(waiter);
        lines[rank].set(party, line);
        waiting[rank] += 1;
      });
    },
    load: () => ({
      underWay: total(),
      waiting: waiting.people + waiting.strangers + waiting.background,
    }),
    open() {
      isOpen = true;
      admit();
    },
  };
}
