import type { ActionFunctionArgs } from "@remix-run/node";
import { beforeEach, describe, expect, it } from "vitest";
import {
  countWrongLink,
  forgiveSignIn,
  limitByAddress,
  limitSignIn,
} from "../../../app/http/rate-limit.server";

const JANE = { userName: "jane", domainName: "Default" };
const JOE = { userName: "joe", domainName: "Default" };

/** What is done to which counter, such as `address take 192.0.2.7`. */
let done: string[] = [];
/** Counters that have no room. */
let full: string[] = [];
beforeEach(() => {
  done = [];
  full = [];
});

const counter = (name: string) => {
  const act = (what: string) => async (key: string) => {
    done.push(`${name} ${what} ${key}`);
    return full.includes(name) ? { ok: false, retryAfterSeconds: 37 } : { ok: true };
  };
  return { take: act("take"), look: act("look"), giveBack: act("giveBack"), reset: act("reset") };
};

const from = (clientAddress: string) =>
  ({
    context: {
      clientAddress,
      services: {
        limits: Object.fromEntries(
          ["address", "wrongLink", "signIn", "signInFromAddress", "signInOfAddress"].map((name) => [
            name,
            counter(name),
          ]),
        ),
      },
    },
  }) as unknown as ActionFunctionArgs;

const REFUSED = { ok: false, retryAfterSeconds: 37 };

describe("what is anonymous", () => {
  it.each([
    ["address", limitByAddress],
    ["wrongLink", countWrongLink],
  ] as const)("is counted by its sender's network: %s", async (name, count) => {
    await count(from("192.0.2.7"));
    await count(from("2001:db8:1:2::7"));
    expect(done).toEqual([`${name} take 192.0.2.7`, `${name} take 2001:db8:1:2::/64`]);
    full = [name];
    expect(await count(from("192.0.2.7"))).toEqual(REFUSED);
  });
});

describe("a sign-in", () => {
  const keysOf = async (
    act: (...args: Parameters<typeof limitSignIn>) => Promise<unknown>,
    who: typeof JANE,
    address: string,
  ) => {
    done = [];
    await act(from(address), who);
    return Object.fromEntries(done.map((one) => one.split(/ (?:take|giveBack|reset) /, 2)));
  };

  it("is counted by its address, by its account from there, and by its account from everywhere", async () => {
    const jane = await keysOf(limitSignIn, JANE, "192.0.2.7");
    expect(Object.keys(jane).sort()).toEqual(["signIn", "signInFromAddress", "signInOfAddress"]);
    expect(jane.signInOfAddress).toBe("192.0.2.7");

    const joe = await keysOf(limitSignIn, JOE, "192.0.2.7");
    expect(joe.signInOfAddress).toBe(jane.signInOfAddress);
    expect(joe.signInFromAddress).not.toBe(jane.signInFromAddress);
    expect(joe.signIn).not.toBe(jane.signIn);

    const elsewhere = await keysOf(limitSignIn, JANE, "192.0.2.8");
    expect(elsewhere.signInOfAddress).not.toBe(jane.signInOfAddress);
    expect(elsewhere.signInFromAddress).not.toBe(jane.signInFromAddress);
    expect(elsewhere.signIn).toBe(jane.signIn);

    const capitals = await keysOf(limitSignIn, { ...JANE, userName: "JANE" }, "192.0.2.7");
    expect(capitals).toEqual(jane);
  });

  it.each(["signInOfAddress", "signInFromAddress", "signIn"])(
    "is refused where there is no room for it: %s",
    async (name) => {
      full = [name];
      expect(await limitSignIn(from("192.0.2.7"), JANE)).toEqual(REFUSED);
      // What is refused by its address costs the account nothing: nobody is locked out so.
      if (name === "signInOfAddress") expect(done).toHaveLength(1);
    },
  );

  it("that was right is taken back where it was counted; of the address, it alone", async () => {
    const counted = await keysOf(limitSignIn, JANE, "192.0.2.7");
    expect(await keysOf(forgiveSignIn, JANE, "192.0.2.7")).toEqual(counted);
    expect(done.map((one) => one.split(" ", 2).join(" ")).sort()).toEqual([
      "signIn reset",
      "signInFromAddress reset",
      "signInOfAddress giveBack",
    ]);
  });
});
