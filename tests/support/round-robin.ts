/**
 * A reverse proxy in front of several replicas, as an operator would have it: each request goes to the
 * next of them, with the sender's address appended to `X-Forwarded-For` (TRUST_PROXY=1).
 */
import { createServer, request } from "node:http";
import { listen } from "./listen";

export interface RoundRobin {
  readonly url: string;
  /** How many requests each replica got, in the order of `targets`. */
  readonly counts: readonly number[];
  stop(): Promise<void>;
}

/** @param options.targets asked for at each request: replicas may be started after the proxy */
export async function startRoundRobin(options: {
  targets: () => readonly string[];
}): Promise<RoundRobin> {
  const counts: number[] = [];
  let turn = 0;
  const server = createServer((incoming, response) => {
    const targets = options.targets();
    const index = turn++ % targets.length;
    counts[index] = (counts[index] ?? 0) + 1;
    const sender = incoming.socket.remoteAddress ?? "";
    const given = incoming.headers["x-forwarded-for"];
    const outgoing = request(
      new URL(incoming.url ?? "/", targets[index]),
      {
        method: incoming.method,
        headers: {
          ...incoming.headers,
          "x-forwarded-for": given ? `${given}, ${sender}` : sender,
          "x-forwarded-proto": "http",
          connection: "close",
        },
        agent: false,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    outgoing.once("error", () => {
      if (!response.headersSent) response.writeHead(502);
      response.end();
    });
    incoming.pipe(outgoing);
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    counts,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
