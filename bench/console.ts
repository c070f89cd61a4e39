import { peopleAt } from "../tests/support/people";
import { timed } from "./measure";
import type { Setpass, Stage } from "./stage";

/** Opens a page of the console. @returns how long the whole of it took, in milliseconds */
export type OpenPage = (address: string) => Promise<number>;

export async function openConsole(
  { keystone, call }: Pick<Stage, "keystone" | "call">,
  { url }: Pick<Setpass, "url">,
): Promise<OpenPage> {
  const cookie = await peopleAt({ url }).signIn({
    userName: keystone.adminUserName,
    password: keystone.adminPassword,
  });
  return (address) =>
    timed(async () => {
      const page = await call(`${url}${address}`, {
        method: "GET",
        headers: { cookie },
        expect: 200,
      });
      if (!page.includes("</html>")) throw new Error(`${address} did not come whole`);
    });
}
