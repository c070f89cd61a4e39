import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { median, summarize, timed } from "../measure";
import { atMost, INITIAL, json, type Part, PIN } from "../stage";

const HANDOVERS = Number(process.env.BENCH_HANDOVERS ?? 25);

/** A redemption beside the bare change of a password, pair by pair, each of its own user. */
export const measureRedemption: Part = async (stage) => {
  const { keystone, say } = stage;
  say("\nSetting the password (one after the other, taking turns)");
  const server = await stage.startSetpass(await stage.postgres.createDatabase("setpass_redeem"));
  const changes: number[] = [];
  const redemptions: number[] = [];
  for (let number = -1; number < HANDOVERS; number++) {
    const one = await keystone.createUser({ name: `bare-${number}`, password: INITIAL });
    const other = await keystone.createUser({ name: `redeem-${number}`, password: INITIAL });
    const linkToken = await stage.put(server.url, other.id, { password: INITIAL, pin: PIN });
    await sleep(150); // The look-up behind PUT's answer is not what is measured here.
    const password = `Chosen-password-${number}`;
    const change = () =>
      stage.call(`${keystone.url}/v3/users/${one.id}/password`, {
        method: "POST",
        headers: json,
        body: JSON.stringify({ user: { original_password: INITIAL, password } }),
        expect: 204,
      });
    const redeem = () =>
      stage.call(`${server.url}/?token=${linkToken}`, {
        method: "POST",
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ pin: PIN, password, confirm_password: password }).toString(),
        expect: 200,
      });
    // Whoever comes first finds a Keystone that has rested.
    const redeemsFirst = number % 2 !== 0;
    const early = redeemsFirst ? await timed(redeem) : undefined;
    const changed = await timed(change);
    const redeemed = early ?? (await timed(redeem));
    if (number < 0) continue; // The first pair warms both up.
    changes.push(changed);
    redemptions.push(redeemed);
  }
  await server.stop();
  const line = (times: number[]) => {
    const { medianMs, p95Ms, count } = summarize(times, 1);
    return `median ${medianMs.toFixed(1)} ms, p95 ${p95Ms.toFixed(1)} ms (${count})`;
  };
  say(`  bare Keystone change         ${line(changes)}`);
  say(`  whole redemption             ${line(redemptions)}`);
  const differences = redemptions.map((time, index) => time - (changes[index] ?? 0));
  const what = "a redemption over the bare change, pair by pair";
  return [atMost(8, { what, value: median(differences), digits: 1, unit: "ms" })];
};
