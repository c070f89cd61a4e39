import { openConsole } from "../console";
import { median, timed } from "../measure";
import { atMost, INITIAL, type Part } from "../stage";

/** Rounds, and users whom the search finds: more than a page has. */
const ROUNDS = 30;
const USERS = 60;

/** The page of users beside the listing of Keystone's that it is made of. */
export const measureUsers: Part = async (stage) => {
  const { keystone, say } = stage;
  say(`\nThe users page (${USERS} users)`);
  for (let number = 0; number < USERS; number++)
    await keystone.createUser({ name: `listed-${number}`, password: INITIAL });
  const server = await stage.startSetpass(await stage.postgres.createDatabase("setpass_users"));
  const open = await openConsole(stage, server);
  const list = () =>
    stage.call(`${keystone.url}/v3/users?name__icontains=listed&limit=50`, {
      method: "GET",
      headers: { "X-Auth-Token": stage.keystoneToken },
      expect: 200,
    });
  await open("/admin/users?q=listed");
  const listings: number[] = [];
  const pages: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    listings.push(await timed(list));
    pages.push(await open("/admin/users?q=listed"));
  }
  await server.stop();
  say(`  Keystone's listing           median ${median(listings).toFixed(1)} ms`);
  say(`  the page                     median ${median(pages).toFixed(1)} ms`);
  const beyond = median(pages.map((time, index) => time - (listings[index] ?? 0)));
  const what = "the users page beyond Keystone's listing";
  return [atMost(30, { what, value: beyond, digits: 1, unit: "ms" })];
};
