import { expect, it } from "vitest";
import { startSite } from "../support/raw-site";

it("what of the configuration is insecure is in the log before the server listens, and it listens", async () => {
  const site = await startSite({ publicUrl: "http://setpass.example.org" });
  try {
    const events = site.stack.server.events();
    const [said, ...more] = events.filter(({ event }) => event === "server.insecure");
    expect(more).toEqual([]);
    expect(said).toMatchObject({
      level: "warn",
      problems: [expect.stringMatching(/^PUBLIC_URL begins with http:\/\//)],
    });
    const names = events.map(({ event }) => event);
    expect(names.indexOf("server.insecure")).toBeLessThan(names.indexOf("server.started"));
    expect((await site.get("/reset")).status).toBe(200);
    // Nothing of this is said where all of it stays on one machine.
    const local = { PUBLIC_URL: "http://localhost:3000" };
    await site.stack.server.restart(local);
    const warnings = () =>
      site.stack.server.events().filter(({ event }) => event === "server.insecure");
    expect(warnings()).toHaveLength(1);

    await site.stack.server.restart({ ...local, ADMIN_ROLES: "*" });
    expect(warnings().at(1)).toMatchObject({
      problems: [expect.stringMatching(/^ADMIN_ROLES is \*/)],
    });
  } finally {
    await site.stop();
  }
});
