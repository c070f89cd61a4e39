/**
 * The faults of Keystone as data, and a table of what became of each at each call.
 */
import process from "node:process";
import { type Fault, faults, withoutExpiry } from "./fault-proxy";

const { paused: _slowIsNoFault, ...faultsOfTheWire } = faults;

/** Every fault there is: `refused` is the proxy's `goAway()`, the others are given to `inject`. */
export const everyFault = {
  refused: "refused",
  ...faultsOfTheWire,
  "expires-null": withoutExpiry,
} as const satisfies Record<string, Fault | "refused">;

export type AnyFault = keyof typeof everyFault;

/** All of them. */
export const allFaults = Object.keys(everyFault) as AnyFault[];

/** One of each kind: not reached, carried out or not, no answer, a wrong one, none that fits. */
export const faultsOfEachKind = [
  "refused",
  "reset-before",
  "reset-after",
  "hang-before",
  "502-after",
  "503-before",
  "429",
  "html-before",
  "truncated-json",
] as const satisfies AnyFault[];

export const faultOf = (name: AnyFault): Fault => {
  const fault = everyFault[name];
  if (fault === "refused") throw new TypeError("A refused connection is the proxy's goAway()");
  return fault;
};

/** Whether Keystone carries the request out, before we know what became of it. */
export const isCarriedOut = (name: AnyFault) =>
  name !== "refused" && everyFault[name].carryOut === "first";

/** Whether setpass has to cope with it as if nothing were wrong. */
export const isHarmless = (name: AnyFault, { givesToken }: { givesToken: boolean }) =>
  name === "stale-keep-alive" ||
  name === "expires-null" ||
  (name === "no-subject-token" && !givesToken);

/** How long Keystone's answer asks to wait, where it does. */
export const retryAfterOf = (name: AnyFault) =>
  ({ "503-before": 7, "503-after": 7, "429": 3 })[name as string];

export interface Held {
  /** What setpass answered: a status, or what was done instead. */
  readonly answer: string;
  readonly tookMs: number;
  /** Empty where everything held. */
  readonly problems: readonly string[];
}

/** Collects the cells and prints them as one table: a row for each call, a column for each fault. */
export class FaultTable {
  readonly #cells = new Map<string, Map<string, Held[]>>();

  constructor(private readonly title: string) {}

  add(call: string, fault: string, held: Held): void {
    const row = this.#cells.get(call) ?? new Map<string, Held[]>();
    this.#cells.set(call, row);
    row.set(fault, [...(row.get(fault) ?? []), held]);
  }

  get tried(): number {
    return this.#all().length;
  }

  /** One line for each cell that did not hold. */
  problems(): string[] {
    return this.#entries().flatMap(([call, fault, cells]) =>
      cells.flatMap(({ problems }) => problems.map((problem) => `${call} × ${fault}: ${problem}`)),
    );
  }

  print(): void {
    const columns = [...new Set(this.#entries().map(([, fault]) => fault))];
    const width = Math.max(...[...this.#cells.keys()].map((call) => call.length));
    const lines = [`\n${this.title}`];
    for (const [at, fault] of columns.entries()) {
      lines.push(`${" ".repeat(width)} ${" │".repeat(at)} ┌ ${fault}`);
    }
    for (const [call, row] of this.#cells) {
      const cells = columns.map((fault) => {
        const tried = row.get(fault);
        if (tried === undefined) return " ·";
        return tried.every(({ problems }) => problems.length === 0) ? " ✓" : " ✗";
      });
      const all = [...row.values()].flat();
      const slowest = Math.max(...all.map(({ tookMs }) => tookMs));
      const answers = [...new Set(all.map(({ answer }) => answer))].sort().join(" ");
      lines.push(
        `${call.padEnd(width)} ${cells.join("")}   ${answers}, slowest ${(slowest / 1000).toFixed(1)} s`,
      );
    }
    const held = this.#all().filter(({ problems }) => problems.length === 0).length;
    lines.push(`${this.title}: ${this.tried} tried, ${held} held`);
    process.stdout.write(`${lines.join("\n")}\n`);
  }

  #entries(): [string, string, Held[]][] {
    return [...this.#cells].flatMap(([call, row]) =>
      [...row].map(([fault, cells]): [string, string, Held[]] => [call, fault, cells]),
    );
  }

  #all(): Held[] {
    return this.#entries().flatMap(([, , cells]) => cells);
  }
}

/** Works on all of them, so many at a time. */
export async function inLanes<Item>(
  items: readonly Item[],
  lanes: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
    }),
  );
}
