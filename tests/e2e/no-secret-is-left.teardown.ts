import { expect, test } from "../support/browser-test";
import { dumpDatabase } from "../support/dump-database";
import { findSecrets, type Haystack } from "../support/find-secrets";

/** Runs when all the others have: what they used may be found nowhere. */
test("the database, the logs and the metrics hold no secret of the whole run", async ({
  stack,
  request,
}) => {
  // Everything is read in every spelling, two layers deep, and there is a lot of it.
  test.setTimeout(300_000);
  const secrets = await stack.secrets();
  const dump = await dumpDatabase(stack.databaseUrl);
  const log = await stack.logs();
  const metrics = await (await request.get(stack.metricsUrl)).text();

  // The right places are looked at: what may be there is.
  expect(dump).toContain("admin.signed-in");
  expect(log).toContain('"event":"server.started"');
  expect(metrics).toContain("setpass_http_request_duration_seconds");

  const haystacks: Haystack[] = [
    { name: "database", content: dump },
    { name: "log", content: log },
    { name: "metrics", content: metrics, isNumbers: true },
  ];
  expect(findSecrets(haystacks, secrets)).toEqual([]);
  // Tokens that the server got from Keystone for itself are in nobody's list, but all look alike.
  for (const { name, content } of haystacks)
    expect(/gAAAA[\w-]{20,}/.exec(String(content))?.index, `a Keystone token in ${name}`).toBe(
      undefined,
    );

  // And a secret that is there would be found.
  const [planted] = secrets;
  if (!planted) throw new Error("No secret was noted");
  const hidden = Buffer.from(`x ${planted.value} x`).toString("base64");
  const spoilt = [{ name: "log", content: `${log}\n{"event":"x","y":"${hidden}"}\n` }];
  expect(findSecrets(spoilt, secrets)).toContainEqual({
    kind: planted.kind,
    where: "log",
    encoding: "base64",
  });
});
