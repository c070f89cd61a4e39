/**
 * Walks a redemption through every schedule of lost answers, late changes, refusals and crashes: the real
 * protocol, against a small model of Keystone and of the link's row. What must hold is said here, in
 * `Walk`, and nowhere taken from the code that is walked.
 */
import type { ChangePasswordOutcome } from "../../../../app/keystone/passwords.server";
import type {
  notedWithClaim,
  Steps,
  setPasswordOnce,
  settleUnsettled,
} from "../../../../app/links/redeem/set-password-once";
import type { Unsettled, UnsettledPassword } from "../../../../app/links/redeem/unsettled";

export interface Protocol {
  readonly notedWithClaim: typeof notedWithClaim;
  readonly setPasswordOnce: typeof setPasswordOnce;
  readonly settleUnsettled: typeof settleUnsettled;
}

/** Between two visits. Plain data: two schedules that lead here go on alike. */
interface State {
  readonly visits: number;
  /** Keystone's. */
  inForce: string;
  /** Changes that Keystone has let in and may yet carry out, once, where `from` is in force by then. */
  onTheWay: { from: string; to: string; visit: number }[];
  row: {
    initial: string;
    unsettled: Unsettled;
    refusedBefore: boolean;
    completed: boolean;
  };
  /** Superseded for good. */
  formerInitials: string[];
  typed: string[];
  /** That the password was set; by the portal, or by mail. */
  told: string | null;
}

const INITIAL = "initial";
const RANDOM = "random";
/** Keystone's rules refuse it. */
const WEAK = "weak";

const start = (parts: { inForce: string; unsettled: Unsettled }): State => ({
  visits: 0,
  inForce: parts.inForce,
  onTheWay: [],
  row: {
    initial: INITIAL,
    unsettled: parts.unsettled,
    refusedBefore: false,
    completed: false,
  },
  formerInitials: [],
  typed: [],
  told: null,
});
const random: UnsettledPassword = { by: "admin", password: RANDOM };

/** A new link; and one whose administrator's random password may or may not have come into force. */
const BEGINNINGS: readonly State[] = [
  start({ inForce: INITIAL, unsettled: [] }),
  start({ inForce: RANDOM, unsettled: [random] }),
  start({ inForce: INITIAL, unsettled: [random] }),
];

/** Of the row. */
const ROOM = 3;
/** For so many visits a change can be on its way, the one that sent it among them. */
const ON_THE_WAY = 2;
/** What a claim's lease is made for. */
const MOST_CALLS = 6;

class Died extends Error {}
class Broken extends Error {}

/** One way through: each choice is taken once, in the order of their alternatives. */
class Choices {
  #taken: { choice: number; of: number }[] = [];
  #next = 0;
  readonly #names: string[] = [];

  choose<Choice extends string>(alternatives: readonly Choice[]): Choice {
    this.#taken[this.#next] ??= { choice: 0, of: alternatives.length };
    const chosen = alternatives[this.#taken[this.#next]?.choice ?? 0] as Choice;
    this.#next += 1;
    if (alternatives.length > 1) this.#names.push(chosen);
    return chosen;
  }

  /** @returns whether there is another way */
  advance(): boolean {
    this.#next = 0;
    this.#names.length = 0;
    for (let last = this.#taken.at(-1); last; last = this.#taken.at(-1)) {
      last.choice += 1;
      if (last.choice < last.of) return true;
      this.#taken.pop();
    }
    return false;
  }

  toString(): string {
    return this.#names.join(", ");
  }
}

/** One visit, or one look of the worker's, in one of its ways. */
class Walk {
  readonly state: State;
  readonly #choices: Pick<Choices, "choose">;
  #calls = 0;
  /** Keystone has said that this one is in force. */
  #accepted: string | undefined;
  /** Keystone has said that the password typed is in force. */
  #said = false;
  /** An answer was lost, and what was sent not asked about since. */
  #inTheDark = false;

  constructor(before: State, choices: Pick<Choices, "choose">) {
    this.state = structuredClone({ ...before, visits: before.visits + 1 });
    this.#choices = choices;
    const { state } = this;
    state.onTheWay = state.onTheWay.filter(({ visit }) => visit > state.visits - ON_THE_WAY);
  }

  /** The user types a password. */
  async visit(protocol: Protocol, typed: string): Promise<void> {
    const { state } = this;
    const known = { initialPassword: state.row.initial, unsettled: state.row.unsettled };
    const again = state.typed.includes(typed);
    if (!state.typed.includes(typed)) state.typed.push(typed);
    this.#write(protocol.notedWithClaim(known.unsettled, typed));
    const result = await protocol.setPasswordOnce(this.#steps(typed), known, typed);
    if (result.is === "set") {
      this.#complete();
      state.told = typed;
      if (state.inForce !== typed) throw new Broken(`told that ${typed} is set, which it is not`);
      // What was typed in between may overtake it: its sender knows both.
      if (!again && state.onTheWay.some(({ from }) => from === typed))
        throw new Broken(`told that ${typed} is set, which will be undone`);
      return;
    }
    if (this.#inTheDark) throw new Broken("an answer was lost, and Keystone not asked");
    if (this.#said) throw new Broken(`not told that ${typed} is set, though Keystone has said so`);
    if (result.is === "superseded") return;
    this.#leave(result.left);
  }

  /** Long after the last visit: what was on its way has arrived, or never will. */
  async settle(protocol: Protocol): Promise<void> {
    const { row } = this.state;
    this.#arriveAll();
    const { unsettled, refusedBefore } = row;
    if (unsettled.length === 0) return;
    const ask = this.#steps(undefined).ask;
    const result = await protocol.settleUnsettled({ ask }, { unsettled, refusedBefore });
    if (result.is === "set") {
      this.#complete();
      this.state.told = this.state.inForce;
    }
    if (result.is === "ask-again") row.refusedBefore = true;
    if (result.is === "settled") this.#leave(result.left);
  }

  #steps(typed: string | undefined): Steps {
    const { state } = this;
    return {
      change: async (from) => {
        if (typed === undefined) throw new Broken("the worker changes a password");
        this.#call();
        if (!state.row.unsettled.some(({ password }) => password === typed))
          throw new Broken(`${typed} is sent before it is noted`);
        if (state.formerInitials.includes(from))
          throw new Broken("an initial password that was superseded is sent again");
        if (this.#accepted !== undefined && from !== this.#accepted)
          throw new Broken(`${from} is sent, though ${this.#accepted} is known to be in force`);
        return this.#change(from, typed);
      },
      ask: async (password) => {
        this.#call();
        if (password === typed) this.#inTheDark = false;
        const right = password === state.inForce;
        const mayLie = right && !state.row.refusedBefore;
        const fate = this.#choose(["answered", "lost", "dies", ...(mayLie ? ["locked"] : [])]);
        if (fate === "dies") throw new Died();
        if (fate === "lost") return "unknown";
        if (fate === "locked" || !right) return "refused";
        this.#accepted = password;
        this.#said ||= password === typed;
        return "accepted";
      },
      note: async (unsettled) => {
        if (this.#choose(["written", "superseded"]) === "superseded") return false;
        this.#write(unsettled);
        return true;
      },
    };
  }

  #change(from: string, to: string): ChangePasswordOutcome {
    const { state } = this;
    const right = from === state.inForce;
    const fate = this.#choose([
      ...["answered", "never carried out", "late", "held off", "dies before"],
      ...(right ? ["carried out and lost", "dies after", "locked"] : []),
    ]);
    const carriesOut = ["answered", "carried out and lost", "dies after"].includes(fate);
    if (fate === "late") state.onTheWay.push({ from, to, visit: state.visits });
    if (carriesOut && right && to !== WEAK) state.inForce = to;
    this.#check();
    if (fate.startsWith("dies")) throw new Died();
    if (fate === "locked") return { ok: false, reason: "wrong-original" };
    this.#inTheDark = fate !== "answered" && fate !== "held off";
    if (fate !== "answered") return unavailable({ mayHaveHappened: this.#inTheDark });
    if (!right) return { ok: false, reason: "wrong-original" };
    if (to === WEAK) return { ok: false, reason: "refused", message: "too weak" };
    this.#said = true;
    return { ok: true };
  }

  #call(): void {
    this.#calls += 1;
    if (this.#calls > MOST_CALLS) throw new Broken("more calls than the lease is made for");
    // What is on its way may arrive before any of them.
    const { onTheWay } = this.state;
    const arrives = this.#choose(["", ...onTheWay.map((_, index) => `arrival ${index}`)]);
    if (arrives !== "") this.#arrive(Number(arrives.split(" ")[1]));
  }

  #arriveAll(): void {
    while (this.state.onTheWay.length > 0) {
      const all = this.state.onTheWay.map((_, index) => `arrival ${index}`);
      const arrives = this.#choose([...all, "none"]);
      if (arrives === "none") this.state.onTheWay = [];
      else this.#arrive(Number(arrives.split(" ")[1]));
    }
  }

  #arrive(index: number): void {
    const { state } = this;
    const [change] = state.onTheWay.splice(index, 1);
    if (change && change.from === state.inForce && change.to !== WEAK) state.inForce = change.to;
    this.#check();
  }

  #write(unsettled: Unsettled): void {
    this.state.row.unsettled = unsettled.slice(-ROOM);
    this.state.row.refusedBefore = false;
    this.#check();
  }

  #leave(left: { unsettled: Unsettled; initialPassword?: string }): void {
    const { state } = this;
    if (left.initialPassword !== undefined) {
      state.formerInitials.push(state.row.initial);
      state.row.initial = left.initialPassword;
    }
    this.#write(left.unsettled);
  }

  #complete(): void {
    if (this.#choose(["completed", "dies"]) === "dies") throw new Died();
    this.state.row.completed = true;
    this.state.row.unsettled = [];
    this.#check();
  }

  /** What holds at any moment. */
  #check(): void {
    const { row, inForce, onTheWay, typed } = this.state;
    if (row.completed) {
      if (!typed.includes(inForce)) throw new Broken(`completed, and ${inForce} is in force`);
      return;
    }
    const known = [row.initial, ...row.unsettled.map(({ password }) => password)];
    if (!known.includes(inForce)) throw new Broken(`${inForce} is in force, and forgotten`);
    for (const { from, to } of onTheWay)
      if (from === inForce && to !== WEAK && !known.includes(to))
        throw new Broken(`${to} may come into force, and is forgotten`);
  }

  #choose(alternatives: readonly string[]): string {
    return this.#choices.choose(alternatives);
  }
}

const unavailable = ({ mayHaveHappened }: { mayHaveHappened: boolean }): ChangePasswordOutcome => ({
  ok: false,
  reason: "unavailable",
  mayHaveHappened,
  error: new Error("no answer") as never,
});

const visits = (typed: string) => (walk: Walk, protocol: Protocol) => walk.visit(protocol, typed);
type Act = (walk: Walk, protocol: Protocol) => Promise<void>;

/** What can happen next: the user types something new, or what they typed first, or what is too weak. */
const nextActs = ({ typed, visits: number }: State): [string, Act][] => [
  ["new", visits(`typed-${number + 1}`)],
  ...(typed[0] && typed[0] !== WEAK ? [["again", visits(typed[0])] as [string, Act]] : []),
  ["weak", visits(WEAK)],
  ["settling", (walk, protocol) => walk.settle(protocol)],
];

export interface Found {
  /** Ways of single visits that were walked. */
  readonly walked: number;
  /** Ways from the beginning to an end. */
  readonly schedules: number;
  /** The first thing that did not hold, and how it came about. */
  readonly broken?: string;
}

/**
 * @param options.visits at most so many, each in every way it can go; after them the user comes once more,
 *   to a Keystone that answers
 */
export async function walkEverySchedule(
  protocol: Protocol,
  options: { visits: number },
): Promise<Found> {
  let walked = 0;
  let schedules = 0;
  let reached = new Map<string, Reached>();
  const reach = (into: typeof reached, state: State, ways: number, story: () => string) => {
    const key = JSON.stringify({ ...state, typed: stillOfUse(state) });
    const known = into.get(key);
    if (known) known.ways += ways;
    else into.set(key, { ways, story: story() });
  };
  for (const state of BEGINNINGS) reach(reached, state, 1, () => `${state.inForce} in force`);
  const tell = (error: unknown, story: string) => {
    if (error instanceof Broken) return { walked, schedules, broken: `${error.message}: ${story}` };
    throw error;
  };

  for (let visit = 0; visit < options.visits; visit++) {
    const next: typeof reached = new Map();
    for (const [key, { ways, story }] of reached) {
      const before: State = JSON.parse(key);
      for (const [name, act] of nextActs(before)) {
        const choices = new Choices();
        do {
          walked += 1;
          const walk = new Walk(before, choices);
          try {
            await act(walk, protocol);
          } catch (error) {
            if (!(error instanceof Died)) return tell(error, `${story}; ${name}: ${choices}`);
          }
          if (walk.state.row.completed) schedules += ways;
          else reach(next, walk.state, ways, () => `${story}; ${name}: ${choices}`);
        } while (choices.advance());
      }
    }
    reached = next;
    for (const [key, { story }] of reached) {
      try {
        await endsWell(JSON.parse(key), protocol);
      } catch (error) {
        return tell(error, story);
      }
    }
  }
  for (const { ways } of reached.values()) schedules += ways;
  return { walked, schedules };
}

interface Reached {
  /** How many schedules lead to this state. */
  ways: number;
  /** One of them. */
  readonly story: string;
}

/** What was typed first can be typed again; of the rest, those that may be in force, or come into force. */
const stillOfUse = ({ typed, inForce, row, onTheWay }: State) =>
  typed.filter(
    (one, index) =>
      index === 0 ||
      one === inForce ||
      row.unsettled.some(({ password }) => password === one) ||
      onTheWay.some(({ to }) => to === one),
  );

/** Whatever was before: who comes again, when Keystone answers, gets in with what they typed last. */
async function endsWell(before: State, protocol: Protocol): Promise<void> {
  const first: Pick<Choices, "choose"> = { choose: ([first]) => first as never };
  const walk = new Walk({ ...before, onTheWay: [] }, first);
  await walk.visit(protocol, "typed-last");
  if (walk.state.told !== "typed-last") throw new Broken("the user cannot come in any more");
}
