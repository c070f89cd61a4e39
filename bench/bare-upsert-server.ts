import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import postgres from "postgres";

/**
 * What PUT /token costs at the very least: node:http, one JSON body, one prepared upsert by
 * postgres.js, one line of text. No authorization, no audit row, nothing sealed. Prints its port.
 */
const sql = postgres(process.argv[2] as string, { max: 10, onnotice: () => {} });
await sql`create table if not exists bare (user_id text primary key, token text, pin text, password text, at timestamptz)`;

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { pin, password } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  const userId = (request.url ?? "").slice("/token/".length);
  const token = randomUUID();
  await sql`
    insert into bare values (${userId}, ${token}, ${pin}, ${password}, now())
    on conflict (user_id) do update
      set token = excluded.token, pin = excluded.pin, password = excluded.password, at = excluded.at`;
  response.setHeader("Content-Type", "text/plain");
  response.end(token);
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.once("SIGTERM", async () => {
  server.close();
  server.closeAllConnections();
  await sql.end({ timeout: 1 });
});
